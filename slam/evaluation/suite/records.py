"""What a suite is made of and what it leaves: cases, the figures of every run, and results.json, which reports read.

A folder of results: ``results.json`` and ``results.csv``, ``report.html``, and ``runs/<case>/<seed>/`` with everything
that ``slam run`` leaves and the ``task.json`` of that run.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class SuiteCase:
    """One sequence run in one way."""

    name: str  # unique in its suite, the name of its folder with "_" for " "
    dataset: str  # of datasets/, by which published tables know it; "rendered", or "" for a folder of one's own
    sequence: str  # as its dataset calls it
    source: str  # of ``slam run``
    path: str  # absolute, or below the suite's data folder
    mode: str  # rgbd, stereo, mono
    align: str  # se3 where scale is known, else sim3
    options: tuple[str, ...] = ()  # of ``slam run``, beside mode and seed
    realtime: bool = False  # paced by its stamps: frames may be dropped


@dataclass(frozen=True)
class RunFigures:
    """One run of a case. Errors are in metres after ``align``; None where a figure could not be had."""

    seed: int
    folder: str  # below the folder of results
    failure: str = ""  # why the run has no figures: the sentence it ended with
    frames: int = 0  # given by the recording
    tracked: int = 0
    dropped: int = 0
    coverage: float = 0.0  # poses as emitted over frames
    coverage_after_init: float = 0.0
    coverage_final: float = 0.0
    ate_m: float | None = None  # final trajectory, RMSE over every frame it has
    ate_max_m: float | None = None
    ate_percent: float | None = None  # of the path
    ate_causal_m: float | None = None  # poses as emitted
    scale: float | None = None  # true length over estimated, 1 with SE3
    rpe_m: float | None = None  # RMSE, frame to frame
    rpe_deg: float | None = None
    drift_m_per_s: float | None = None  # RPE over one second
    drift_deg_per_s: float | None = None
    kitti_t_percent: float | None = None  # KITTI's segments of 100 to 800 m
    kitti_r_deg_per_100m: float | None = None
    fps: float | None = None
    latency_ms: dict[str, dict[str, float]] = field(default_factory=dict)  # stage, "total" -> p50, p95, p99
    cpu_s: float | None = None  # of the run and its processes, user and system
    wall_s: float | None = None
    peak_memory_mb: float | None = None
    keyframes: int = 0
    landmarks: int = 0
    mean_exit_layer: float | None = None
    exit_histogram: dict[str, int] = field(default_factory=dict)
    mean_pruned: float | None = None
    trajectory_sha256: str = ""  # of trajectory.txt: equal where runs are the same


@dataclass(frozen=True)
class Spread:
    """Median, smallest and largest of the runs that have a figure, and how many have it."""

    median: float
    minimum: float
    maximum: float
    count: int


@dataclass(frozen=True)
class CaseResult:
    """All runs of a case; ``spreads``: name of a RunFigures field -> its Spread over the runs."""

    case: SuiteCase
    runs: tuple[RunFigures, ...]
    spreads: dict[str, Spread]
    data_sha256: str = ""  # over the names, sizes and contents of the recording's files


@dataclass(frozen=True)
class SuiteResults:
    """results.json: everything a report needs beside the folders of the runs."""

    suite: str
    command: str
    repeats: int
    engine: str  # local, ray
    started: str  # ISO 8601, UTC
    commit: str
    config_sha256: str  # of the effective configuration before each case's options
    weights_sha256: dict[str, str]  # file name -> hash, of the weights in use
    versions: dict[str, str]
    hardware: dict[str, str | int]
    cases: tuple[CaseResult, ...]

    def write(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_results(path: Path) -> SuiteResults:
    """What ``SuiteResults.write`` wrote. Raises ValueError, TypeError or KeyError for anything else."""
    plain = json.loads(path.read_text(encoding="utf-8"))
    return SuiteResults(**{**plain, "cases": tuple(_case_result(case) for case in plain["cases"])})


def _case_result(plain: dict[str, Any]) -> CaseResult:
    case = {**plain["case"], "options": tuple(plain["case"]["options"])}
    return CaseResult(
        SuiteCase(**case),
        tuple(RunFigures(**run) for run in plain["runs"]),
        {name: Spread(**spread) for name, spread in plain["spreads"].items()},
        plain["data_sha256"],
    )
