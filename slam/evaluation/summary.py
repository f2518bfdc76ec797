"""The summary of a run: what summary.json holds."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from slam.evaluation.coverage import Coverage, coverage
from slam.evaluation.frame_records import FrameRecord
from slam.evaluation.statistics import percentiles
from slam.types import TrackStatus

LATENCY = "camera to answer"


@dataclass(frozen=True)
class Summary:
    """The figures of a run. Everything in it can be written as JSON."""

    mode: str
    frames: int  # given by the source
    processed: int
    skipped: int  # frames - processed: bad ones and dropped ones
    dropped: int  # by a reader that had to keep up
    tracked: int
    lost: int
    initializing: int
    relocalized: int
    first_tracked_index: int  # -1 for none
    coverage: float  # tracked / frames, poses as emitted
    coverage_after_init: float
    coverage_final: float  # of the final trajectory: frames that waited for a monocular start are placed afterwards
    keyframes: int
    landmarks: int
    duration_s: float  # wall clock, first frame to last answer, pauses left out
    fps: float  # processed / duration_s
    latency_ms: dict[str, dict[str, float]]  # stage, "total" and in real time "camera to answer" -> p50, p95, p99
    mean_exit_layer: float | None  # over frames that were matched
    exit_histogram: dict[str, int]  # exit layer -> frames
    mean_pruned: float | None
    hurried: int  # frames whose matcher left unsure, for lack of time
    peak_memory_mb: float
    align: str  # se3, or sim3 for mono
    ate: dict[str, Any] | None  # of the final trajectory, None without ground truth
    ate_causal: dict[str, Any] | None
    rpe: dict[str, Any] | None  # frame to frame
    rpe_per_second: dict[str, Any] | None
    kitti_segments: dict[str, float] | None  # None where the path is shorter than 100 m
    seed: int | None
    command: str
    commit: str
    versions: dict[str, str]
    hardware: dict[str, str | int]
    audit: dict[str, Any] | None = None  # what leaving the matcher early lost, see slam.matching.audit.AuditReport
    notes: tuple[str, ...] = ()  # what a reader of the figures should know
    info: dict[str, Any] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write as JSON; numbers that are not finite become null."""
        path.write_text(json.dumps(_plain(asdict(self)), indent=2, ensure_ascii=False) + "\n")


def effort_figures(records: list[FrameRecord], frames: int, duration_s: float) -> dict[str, Any]:
    """The fields of a Summary that follow from the frames' records."""
    covered = coverage([r.index for r in records if r.tracked], frames)
    return {**_counts(records, covered), **_times(records, duration_s), **_exits(records)}


def _counts(records: list[FrameRecord], covered: Coverage) -> dict[str, Any]:
    count = Counter(r.status for r in records)
    return {
        "frames": covered.frames,
        "processed": len(records),
        "skipped": covered.frames - len(records),
        "dropped": sum(r.dropped for r in records),
        "tracked": covered.tracked,
        "lost": count[TrackStatus.LOST.value],
        "initializing": count[TrackStatus.INITIALIZING.value],
        "relocalized": count[TrackStatus.RELOCALIZED.value],
        "first_tracked_index": covered.first_tracked,
        "coverage": covered.of_all,
        "coverage_after_init": covered.after_initialisation,
    }


def _times(records: list[FrameRecord], duration_s: float) -> dict[str, Any]:
    stages: dict[str, list[float]] = {}
    for record in records:
        for stage, ms in {**record.ms, "total": record.total_ms}.items():
            stages.setdefault(stage, []).append(ms)
        if record.latency_ms is not None:
            stages.setdefault(LATENCY, []).append(record.latency_ms)
    return {
        "duration_s": round(duration_s, 3),
        "fps": round(len(records) / duration_s, 2) if duration_s > 0 else 0.0,
        "latency_ms": {stage: percentiles(values) for stage, values in stages.items()},
    }


def _exits(records: list[FrameRecord]) -> dict[str, Any]:
    exits = [r.exit_layer for r in records if r.exit_layer > 0]
    pruned = [r.pruned for r in records if r.exit_layer > 0]
    return {
        "mean_exit_layer": sum(exits) / len(exits) if exits else None,
        "exit_histogram": {str(layer): n for layer, n in sorted(Counter(exits).items())},
        "hurried": sum(r.hurried for r in records),
        "mean_pruned": sum(pruned) / len(pruned) if pruned else None,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
