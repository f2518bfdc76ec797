"""A lens covered for twenty frames: how soon the camera is found again, and what it costs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from slam.errors import ConfigError, SourceError
from slam.evaluation import environment
from slam.evaluation.bench import run_case
from slam.evaluation.bench_cases import BenchCase
from slam.text_rows import read_rows

RECORDING = "sequences/sevenscenes_300"
FIRST_FRAMES = (60, 150, 240)  # that are black
BLACK = 20  # frames
ALLOWED_S = 1.0
CASES = (
    BenchCase("RGB-D", "tum", "", "rgbd", "se3", ("--rig", "sevenscenes")),
    BenchCase("mono", "tum", "", "mono", "sim3", ("--rig", "sevenscenes")),
)


@dataclass(frozen=True)
class Blackout:
    """What became of one run."""

    mode: str
    first_frame: int
    failure: str = ""
    found_after_s: float | None = None  # from the first frame that shows something; None: never
    found_as: str = ""  # status of the frame in which it was found
    tracked_after: float = 0.0  # share of the frames after the blackout
    ate_m: float | None = None
    submaps: int = 0  # that the emitted poses lie in

    @property
    def is_met(self) -> bool:
        return self.found_after_s is not None and self.found_after_s <= ALLOWED_S


def bench_blackouts_to_folder(data: Path, out: Path, command: str, say: Callable[[str], object]) -> str:
    """Run every case on recordings made from DATA's 7-Scenes excerpt, and return the table in Markdown.

    Raises ConfigError when the recording is not there.
    """
    recording = data / RECORDING
    if not recording.is_dir():
        raise ConfigError(f"{data}: holds no {RECORDING}; give the folder that does")
    folder = out / time.strftime("%Y%m%d-%H%M%S")
    found: list[Blackout] = []
    for first_frame in FIRST_FRAMES:
        dark = folder / f"recording_{first_frame}"
        black_out(recording, dark, range(first_frame, first_frame + BLACK))
        for case in CASES:
            say(f"{case.name}, black from frame {first_frame} on")
            found.append(_run(case, dark, folder / f"{case.mode}_{first_frame}", first_frame))
            (folder / "blackouts.md").write_text(_table(found, command))
            plain = {"runs": [asdict(run) for run in found], "commit": environment.commit()}
            (folder / "blackouts.json").write_text(json.dumps(plain, indent=2) + "\n")
    return (folder / "blackouts.md").read_text()


def black_out(recording: Path, out: Path, frames: Sequence[int]) -> None:
    """A copy of a TUM recording, made of links, whose colour images are black in these frames; depth as it was."""
    (out / "rgb").mkdir(parents=True)
    lines = ["# timestamp filename"]
    for i, row in enumerate(read_rows(recording / "rgb.txt", SourceError)):
        stamp, name = row.fields[:2]
        place = out / "rgb" / Path(name).name
        if i in frames:
            image = cv2.imread(str(recording / name))
            cv2.imwrite(str(place), np.zeros_like(image))
        else:
            place.symlink_to((recording / name).resolve())
        lines.append(f"{stamp} rgb/{place.name}")
    (out / "rgb.txt").write_text("\n".join(lines) + "\n")
    for name in ("depth", "depth.txt", "groundtruth.txt", "rig.toml"):
        if (recording / name).exists():
            (out / name).symlink_to((recording / name).resolve())


def _run(case: BenchCase, dark: Path, out: Path, first_frame: int) -> Blackout:
    ran = run_case(replace(case, path=dark.name), dark.parent, out, seed=0)
    if ran.failure:
        return Blackout(case.name, first_frame, ran.failure)
    records = [json.loads(line) for line in (out / "health.jsonl").read_text(encoding="utf-8").splitlines()]
    after = [record for record in records if record["index"] >= first_frame + BLACK]
    tracked = [record for record in after if record["tracked"]]
    return Blackout(
        case.name,
        first_frame,
        found_after_s=(tracked[0]["stamp_ns"] - after[0]["stamp_ns"]) * 1e-9 if tracked else None,
        found_as=tracked[0]["status"] if tracked else "",
        tracked_after=len(tracked) / len(after),
        ate_m=ran.ate_m,
        submaps=len({record["submap_id"] for record in records if record["tracked"]}),
    )


def _table(runs: Sequence[Blackout], command: str) -> str:
    names = (
        "mode",
        "black from frame",
        "found again after",
        "as",
        "tracked after",
        "ATE",
        "sub-maps",
        "met",
    )
    rows = [names, ("---",) * len(names), *(_cells(run) for run in runs)]
    hardware = environment.hardware()
    return (
        "".join(f"| {' | '.join(row)} |\n" for row in rows)
        + f"\n{BLACK} black frames; found again: from the first frame that shows something, {ALLOWED_S:g} s allowed. "
        f"One run each. Command `{command}`, commit {environment.commit() or 'unknown'}, {hardware['cpu']}.\n"
    )


def _cells(run: Blackout) -> tuple[str, ...]:
    if run.failure:
        return (run.mode, str(run.first_frame), run.failure, "", "", "", "", "no")
    found = "never" if run.found_after_s is None else f"{run.found_after_s:.2f} s"
    error = "" if run.ate_m is None else f"{run.ate_m:.4f} m"
    share, met = f"{run.tracked_after:.1%}", "yes" if run.is_met else "no"
    return (run.mode, str(run.first_frame), found, run.found_as, share, error, str(run.submaps), met)
