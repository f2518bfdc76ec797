"""The table of ``slam bench faults``: what was done, what came of it, and what must not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

import numpy as np

from slam.evaluation import faults_files as files
from slam.evaluation import faults_kills as kills
from slam.evaluation.faults_files import DamagedFile
from slam.evaluation.faults_kills import KilledRun
from slam.evaluation.faults_motions import MotionRun

VERDICTS = (files.UNHARMED, files.RECOVERED, files.NOTHING_LEFT, files.CHANGED, files.CRASHED)
VICTIMS = {
    kills.PROGRAM: "the whole program",
    kills.GOING_ON: "none: going on from killed runs",
    kills.BACK_END: "the back end's process",
    kills.WINDOW: "the viewer's process, its window open",
    kills.PICTURE: "the viewer's process, drawing the picture at the end",
}


@dataclass
class Faults:
    """Everything that came of a benchmark so far."""

    undisturbed: KilledRun | None = None
    killed: list[KilledRun] = field(default_factory=list)
    damaged: list[DamagedFile] = field(default_factory=list)
    motions: list[MotionRun] = field(default_factory=list)

    def violations(self) -> list[str]:
        """What must not be and is, a line each."""
        base = [self.undisturbed] if self.undisturbed else []
        found = [_killed_words(run) for run in [*base, *self.killed] if run.was_unsafe]
        found += [f"{VICTIMS[run.victim]}: another trajectory" for run in self.killed if self._has_strayed(run)]
        found += [f"{d.kind} (seed {d.seed}): {d.verdict}: {d.detail}" for d in self.damaged if _is_bad(d)]
        found += [_motion_words(run) for run in self.motions if run.failure or run.unanswered]
        return found

    def sections(self) -> list[str]:
        """Markdown: a title, a note and a table for each part that was measured."""
        parts = (self.killed and self._kills(), self.damaged and self._damages(), self.motions and self._motions())
        return [part for part in parts if part]

    def as_json(self) -> dict[str, Any]:
        runs = [self.undisturbed, *self.killed] if self.undisturbed else self.killed
        plain = [{name: value for name, value in asdict(run).items() if name != "trajectory"} for run in runs]
        others = {"damages": [asdict(d) for d in self.damaged], "motions": [asdict(m) for m in self.motions]}
        return {"kills": plain, **others, "violations": self.violations()}

    def _kills(self) -> str:
        heads = (
            "killed|kills|runs|failed|keyframes told of|lost, at most in one run|runs that lost one|frames lost"
            "|processes left behind|restarts|problems unsolved|ATE (undisturbed)|same trajectory"
        )
        rows = [self._victim(words, chosen) for name, words in VICTIMS.items() if (chosen := self._of(name))]
        return f"## Kills\n\n{KILLS_NOTE}\n\n{_table(heads, rows)}"

    def _of(self, victim: str) -> list[KilledRun]:
        return [run for run in self.killed if run.victim == victim]

    def _victim(self, words: str, runs: Sequence[KilledRun]) -> list[object]:
        lost = [run.lost_keyframes for run in runs]
        counted: list[object] = [words, sum(run.kills for run in runs), len(runs), sum(bool(r.failure) for r in runs)]
        counted += [sum(run.told_keyframes for run in runs), max(lost), sum(number > 0 for number in lost)]
        counted += [sum(run.lost_frames for run in runs), sum(run.left_behind for run in runs)]
        finished = [run for run in runs if run.trajectory]
        if runs[0].victim in (kills.PROGRAM, kills.GOING_ON) or not finished:
            return [*counted, "", "", "", ""]
        counted += [sum(run.restarts for run in runs), sum(run.unsolved for run in runs)]
        return [*counted, self._errors(finished), f"{self._same_as(finished)} of {len(finished)}"]

    def _has_strayed(self, run: KilledRun) -> bool:
        """Whether a replay whose problems were all solved gave another trajectory than the undisturbed one."""
        is_comparable = run.victim in (kills.BACK_END, kills.WINDOW, kills.PICTURE) and run.trajectory
        return bool(is_comparable and self.undisturbed and not run.unsolved and not self._same_as([run]))

    def _errors(self, finished: Sequence[KilledRun]) -> str:
        errors = [run.ate_m for run in finished if run.ate_m is not None]
        base = self.undisturbed.ate_m if self.undisturbed else None
        worst = f"{median(errors):.4f} m, at most {max(errors):.4f} m" if errors else "none"
        return worst + (f" ({base:.4f} m)" if base is not None else "")

    def _same_as(self, finished: Sequence[KilledRun]) -> int:
        return sum(self.undisturbed is not None and run.trajectory == self.undisturbed.trajectory for run in finished)

    def _damages(self) -> str:
        kinds = list(dict.fromkeys(d.kind for d in self.damaged))
        rows = [[kind, *self._judged([d for d in self.damaged if d.kind == kind])] for kind in kinds]
        table = _table(
            f"damage|files|{'|'.join(VERDICTS)}|keyframes recovered", [*rows, ["all", *self._judged(self.damaged)]]
        )
        return f"## Damaged map files\n\n{DAMAGES_NOTE}\n\n{table}"

    def _judged(self, damaged: Sequence[DamagedFile]) -> list[object]:
        """Files, how many of each verdict, and the mean share of the keyframes that refused ones gave back."""
        sums = Counter(d.verdict for d in damaged)
        refused = [d.keyframes / d.whole for d in damaged if d.verdict in (files.RECOVERED, files.NOTHING_LEFT)]
        share = f"{np.mean(refused):.0%}" if refused else ""
        return [len(damaged), *(sums[v] for v in VERDICTS), share]

    def _motions(self) -> str:
        statuses = list(dict.fromkeys(status for run in self.motions for status in run.statuses))
        heads = f"camera|sequences|exceptions|frames|without status or reason|{'|'.join(statuses)}|sub-maps begun"
        rows = []
        for mode in dict.fromkeys(run.mode for run in self.motions):
            runs = [run for run in self.motions if run.mode == mode]
            frames = Counter(status for run in runs for status in Counter(run.statuses).elements())
            row: list[object] = [mode, len(runs), _count(runs, lambda run: bool(run.failure)), frames.total()]
            row += [_count(runs, lambda run: run.unanswered), *(frames[status] for status in statuses)]
            rows.append([*row, _count(runs, lambda run: run.submaps)])
        return f"## Degenerate motions\n\n{MOTIONS_NOTE}\n\n{_table(heads, rows)}"


KILLS_NOTE = (
    "`kill -9` at a random frame of `slam run demo`, up to "
    f"{kills.LONGEST_DELAY_S * 1e3:.0f} ms after it was told of, with a keyframe every few frames "
    f"(`--set {' --set '.join(kills.OFTEN)}`). A killed program may lose the last keyframe that it told of, the other "
    "runs nothing; every run that was not killed as a whole ends with exit code 0 and all its files. "
    f"Every {kills.GONE_ON_WITH}th time a run goes on from what a killed program left. The back end is killed "
    f"once every {kills.FRAMES_PER_KILL} frames; a problem whose process dies twice stays unsolved, and the run goes "
    "on without. Same trajectory: to the byte that of the undisturbed run, which it must be where all was solved."
)
DAMAGES_NOTE = (
    "One thing happens to the map file of an undisturbed run. It must load as it was to the bit, or be refused with a "
    "sentence; what is recovered from a refused one must have been in it: accepted and changed, and crashed, must be "
    "0. Keyframes recovered: of the refused files, on average; nothing to recover: not one keyframe."
)
MOTIONS_NOTE = (
    "Three to five short stretches and a long one of: a still camera, a turn about its own centre, a walk, a walk "
    "where it never was, jumps, a wall without texture, darkness; pictures of the demo, the whole pipeline. "
    "Exceptions, and frames without status or reason, must be 0."
)


def _table(heads: str, rows: Sequence[Sequence[object]]) -> str:
    lines = [heads.split("|"), ["---"] * (heads.count("|") + 1), *([str(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _count(runs: Sequence[MotionRun], of: Callable[[MotionRun], int]) -> int:
    return sum(of(run) for run in runs)


def _is_bad(damaged: DamagedFile) -> bool:
    return damaged.verdict not in files.GOOD


def _killed_words(run: KilledRun) -> str:
    what = run.failure or (
        f"{run.lost_keyframes} keyframes and {run.lost_frames} frames lost, {run.left_behind} processes left behind, "
        f"{run.restarts} restarts for {run.kills} kills"
    )
    return f"{VICTIMS.get(run.victim, 'an undisturbed run')}: {what}"


def _motion_words(run: MotionRun) -> str:
    what = run.failure or f"{run.unanswered} frames without status or reason"
    return f"motions with seed {run.seed} ({', '.join(run.motions)}; {run.mode}): {what}"
