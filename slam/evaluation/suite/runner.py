"""``slam bench SUITE``: every case with every seed, the figures kept after each run, so that nothing is run twice."""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import slam
from slam.config import SlamConfig, with_setting, write_config
from slam.errors import ConfigError
from slam.evaluation import environment
from slam.evaluation.run_folder import written_whole
from slam.evaluation.suite.cases import suite_cases
from slam.evaluation.suite.records import CaseResult, RunFigures, Spread, SuiteCase, SuiteResults
from slam.evaluation.suite.rendered import render_missing
from slam.evaluation.suite.report import write_report
from slam.evaluation.suite.tables import csv_text, table
from slam.evaluation.suite.task import Task, finished_task, run_task
from slam.running.engines import results_here

Say = Callable[[str], object]
OnDone = Callable[[Task, RunFigures], object]
SPREAD_FIELDS = (
    *("coverage", "coverage_after_init", "coverage_final", "ate_m", "ate_max_m", "ate_percent", "ate_causal_m"),
    *("scale", "rpe_m", "rpe_deg", "drift_m_per_s", "drift_deg_per_s", "kitti_t_percent", "kitti_r_deg_per_100m"),
    *("fps", "cpu_s", "wall_s", "peak_memory_mb", "dropped", "mean_exit_layer", "mean_pruned", "keyframes"),
)


@dataclass(frozen=True)
class SuiteOptions:
    """What is run, and how."""

    suite: str
    data: Path
    out: Path  # a new folder in it, unless ``resume``
    repeats: int = 5
    first_seed: int = 0
    only: str = ""
    realtime: bool = False
    settings: tuple[str, ...] = ()  # ``--set`` of every run
    workers: int = 1  # runs at once; timings are those of a machine that is shared so
    engine: str = "local"
    address: str = ""  # of a Ray cluster, "" for one of its own
    resume: Path | None = None
    skips_missing: bool = False

    def __post_init__(self) -> None:
        if self.repeats < 1 or self.workers < 1:
            raise ConfigError(f"--repeats {self.repeats} --workers {self.workers}: must be at least 1")
        if self.resume is not None and not self.resume.is_dir():
            raise ConfigError(f"--resume {self.resume}: is not a folder; give one that `slam bench` wrote")


def bench_suite(options: SuiteOptions, command: str, say: Say) -> Path:
    """Run a suite and return its folder of results, in which all files are written anew after every run.

    Raises ConfigError for an unknown suite, a recording that is missing, or a setting that is wrong.
    """
    cases = _chosen(options)
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    folder = (options.resume or options.out / f"{time.strftime('%Y%m%d-%H%M%S')}-{Path(options.suite).name}").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    empty = SuiteResults(
        suite=Path(options.suite).name, command=command, repeats=options.repeats, engine=_engine_words(options),
        started=started, commit=environment.commit(), config_sha256=_config_sha256(options.settings),
        weights_sha256=_weights_sha256(),
        versions=environment.versions(), hardware=environment.hardware(), cases=(),
    )  # fmt: skip
    data_sha256 = {case.path: folder_sha256(options.data / case.path) for case in cases}
    numbers = range(options.first_seed, options.first_seed + options.repeats)
    tasks = [_task(case, seed, options, folder, empty, data_sha256) for seed in numbers for case in cases]
    figures: dict[tuple[str, int], RunFigures] = {}

    def keep(task: Task, found: RunFigures) -> None:
        figures[task.case.name, task.seed] = found
        say(f"{len(figures)} of {len(tasks)}: {task.case.name}, seed {task.seed}: {_words(found)}")
        _write(replace(empty, cases=tuple(_results(cases, figures, data_sha256))), folder)

    for task in tasks:
        before = finished_task(task)
        if before is not None:
            keep(task, before)
    left = [task for task in tasks if (task.case.name, task.seed) not in figures]
    try:
        _engine(options)(left, keep)
    except KeyboardInterrupt:
        say(f"stopped after {len(figures)} of {len(tasks)} runs; go on with the same command and --resume {folder}")
        raise
    write_report(folder)
    return folder


def run_all_here(tasks: Sequence[Task], on_done: OnDone, workers: int) -> None:
    """The local engine: so many runs at a time, each a process of its own."""
    for task, figures in results_here(run_task, tasks, workers):
        if isinstance(figures, RunFigures):  # no worker is lost here
            on_done(task, figures)


def spreads(runs: Sequence[RunFigures]) -> dict[str, Spread]:
    """Median, minimum and maximum of every figure that some run has; latencies as "total p50" and so on."""
    found = {}
    for name, values in _columns(runs):
        ordered = sorted(value for value in values if value is not None)
        if ordered:
            middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
            found[name] = Spread(middle, ordered[0], ordered[-1], len(ordered))
    return found


def folder_sha256(folder: Path) -> str:
    """One hash over the names, sizes and contents of all files in a folder, in the order of their names; "" of none."""
    if not folder.is_dir():
        return ""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()} {path.stat().st_size}\n".encode())
        digest.update(_sha256(path).encode())
    return digest.hexdigest()


def _columns(runs: Sequence[RunFigures]) -> Iterator[tuple[str, list[float | None]]]:
    good = [run for run in runs if not run.failure]
    for name in SPREAD_FIELDS:
        yield name, [getattr(run, name) for run in good]
    stages = sorted({stage for run in good for stage in run.latency_ms})
    for stage in stages:
        for part in ("p50", "p95", "p99"):
            yield f"{stage} {part}", [run.latency_ms.get(stage, {}).get(part) for run in good]


def _chosen(options: SuiteOptions) -> list[SuiteCase]:
    """The cases that are run; recordings that can be rendered are there afterwards."""
    cases = [case for case in suite_cases(options.suite, options.data) if options.only in case.name]
    if not cases:
        raise ConfigError(f"--only {options.only}: fits no case of {options.suite}; leave it out to see their names")
    settings = tuple(word for setting in options.settings for word in ("--set", setting))
    for room in sorted({case.sequence for case in cases if case.dataset == "rendered"}):
        render_missing(room, options.data / "rendered" / room, 2, lambda words: None)
    missing = [case for case in cases if not (options.data / case.path).exists()]
    if missing and not options.skips_missing:
        case = missing[0]
        raise ConfigError(
            f"{case.path}: is not in {options.data}, with {len(missing) - 1} more; fetch it with "
            f"`slam download {case.dataset} {case.sequence}`, name its folder with --data, or count it as failed "
            "with --skip-missing"
        )
    return [replace(case, options=(*case.options, *settings), realtime=options.realtime) for case in cases]


def _task(
    case: SuiteCase, seed: int, options: SuiteOptions, folder: Path, about: SuiteResults, data: dict[str, str]
) -> Task:
    name = f"runs/{case.name.replace('/', '_').replace(' ', '_')}/{seed}"
    decides = [asdict(case), seed, about.commit, about.config_sha256, about.weights_sha256, data[case.path]]
    key = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()
    return Task(case, seed, str(folder), name, str((options.data / case.path).resolve()), key)


def _results(
    cases: Sequence[SuiteCase], figures: dict[tuple[str, int], RunFigures], data_sha256: dict[str, str]
) -> Iterator[CaseResult]:
    for case in cases:
        runs = tuple(found for (name, _), found in sorted(figures.items()) if name == case.name)
        if runs:
            yield CaseResult(case, runs, spreads(runs), data_sha256[case.path])


def _write(results: SuiteResults, folder: Path) -> None:
    with written_whole(folder / "results.json") as path:
        results.write(path)
    with written_whole(folder / "results.csv") as path:
        path.write_text(csv_text(results), encoding="utf-8")
    with written_whole(folder / "results.md") as path:
        path.write_text(table(results), encoding="utf-8")


def _engine(options: SuiteOptions) -> Callable[[Sequence[Task], OnDone], None]:
    if options.engine == "local":
        return lambda tasks, on_done: run_all_here(tasks, on_done, options.workers)
    if options.engine == "ray":
        from slam.evaluation.suite.ray_engine import run_all_on_ray

        return lambda tasks, on_done: run_all_on_ray(tasks, on_done, options.workers, options.address)
    raise ConfigError(f"--engine {options.engine}: is unknown; write local or ray")


def _engine_words(options: SuiteOptions) -> str:
    return options.engine if options.workers == 1 else f"{options.engine}, {options.workers} runs at once"


def _config_sha256(settings: Sequence[str]) -> str:
    config = SlamConfig()
    for setting in settings:
        config = with_setting(config, setting)
    with tempfile.TemporaryDirectory() as folder:
        write_config(config, Path(folder) / "config.toml")
        return _sha256(Path(folder) / "config.toml")


def _weights_sha256() -> dict[str, str]:
    """Of the weights that come with slam; those of ``--set`` are part of the configuration by their name alone."""
    folder = Path(slam.__file__).parent / "weights"
    return {path.name: _sha256(path) for path in sorted(folder.iterdir()) if path.suffix in (".pt", ".npz")}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _words(figures: RunFigures) -> str:
    if figures.failure:
        return f"FAILED, {figures.failure}"
    error = "no error figures" if figures.ate_m is None else f"ATE {figures.ate_m:.4f} m"
    return f"{error}, coverage {figures.coverage:.1%}, {figures.wall_s or 0:.0f} s"
