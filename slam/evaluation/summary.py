"""The summary of a run: what summary.json holds, and the table that the terminal ends with."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from slam.evaluation.coverage import Coverage, coverage
from slam.evaluation.statistics import percentiles
from slam.types import Float64, Track, TrackStatus

LATENCY = "camera to answer"


@dataclass(frozen=True, slots=True)
class Load:
    """What a run carries when a frame is answered."""

    keyframes: int = 0
    landmarks: int = 0
    queue: int = 0


@dataclass(frozen=True)
class FrameRecord:
    """What health.jsonl keeps of a frame, and the summary is made of."""

    index: int  # position in the source
    stamp_ns: int
    status: str
    reason: str
    features: int
    matches: int
    inliers: int
    exit_layer: int
    pruned: float  # share of points dropped before the exit
    keyframe_id: int
    ms: dict[str, float]  # stage -> milliseconds
    total_ms: float
    dropped: int  # frames given up since the record before this one
    tracked: bool = False
    hurried: bool = False  # the matcher left unsure, for lack of time
    latency_ms: float | None = None  # from the camera to the answer; None in replay, where nothing waits
    submap_id: int = 0  # in whose world the pose was emitted
    position_sigma: float | None = None  # of the emitted pose in its sub-map's world; lengths of the map
    turn_sigma_deg: float | None = None  # and of its rotation; both of the axis that is known least
    memory_mb: float | None = None  # resident, of the run's own process
    keyframes: int = 0  # of the map
    landmarks: int = 0
    queue: int = 0  # frames that wait, and problems that the graph has: 0 to 2
    covariance: list[float] | None = None  # of the pose in its tangent, rotation first; upper triangle, row by row

    @staticmethod
    def of(
        track: Track,
        total_ms: float,
        dropped: int,
        latency_ms: float | None = None,
        memory_mb: float | None = None,
        load: Load | None = None,
    ) -> FrameRecord:
        load = load or Load()
        return FrameRecord(
            index=track.index,
            stamp_ns=int(track.stamp_ns),
            status=track.status.value,
            reason=track.reason,
            features=int(track.features),
            matches=int(track.matches),
            inliers=int(track.inliers),
            exit_layer=int(track.exit_layer),
            pruned=round(float(track.pruned), 4),
            keyframe_id=int(track.keyframe_id),
            ms={stage: round(float(ms), 3) for stage, ms in track.ms.items()},
            total_ms=round(float(total_ms), 3),
            dropped=int(dropped),
            tracked=track.is_tracked,
            hurried=track.hurried,
            latency_ms=None if latency_ms is None else round(float(latency_ms), 3),
            submap_id=track.submap_id,
            position_sigma=_largest_sigma(track.covariance, slice(3, 6)),
            turn_sigma_deg=_degrees(_largest_sigma(track.covariance, slice(0, 3))),
            memory_mb=None if memory_mb is None else round(memory_mb, 1),
            keyframes=load.keyframes,
            landmarks=load.landmarks,
            queue=load.queue,
            covariance=None if track.covariance is None else _upper(track.covariance),
        )


def read_records(path: Path) -> list[FrameRecord]:
    """The records of a health.jsonl without their covariances; a last line that was cut short is left out."""
    records = []
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                records.append(FrameRecord(**{**json.loads(line), "covariance": None}))
    return records


def _largest_sigma(covariance: Float64 | None, part: slice) -> float | None:
    """Of the axis of a pose's covariance (6, 6), rotation first, that is known least; None where nothing is known."""
    if covariance is None:
        return None
    return float(np.sqrt(max(np.linalg.eigvalsh(covariance[part, part])[-1], 0.0)))


def _upper(covariance: Float64) -> list[float]:
    """21 numbers to seven digits."""
    return [float(f"{value:.6e}") for value in covariance[np.triu_indices(6)]]


def _degrees(angle_rad: float | None) -> float | None:
    return None if angle_rad is None else math.degrees(angle_rad)


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


def summary_rows(summary: Summary) -> list[tuple[str, str]]:
    """Name and value of every line of the closing table; lines without a value are left out."""
    rows = [
        ("frames", _frames(summary)),
        ("coverage", _coverage(summary)),
        ("ATE", _ate(summary.ate)),
        ("ATE as emitted", _ate(summary.ate_causal)),
        ("RPE", _rpe(summary.rpe, "frame")),
        ("drift", _rpe(summary.rpe_per_second, "second")),
        ("KITTI segments", _segments(summary.kitti_segments)),
        ("map", f"{summary.keyframes} keyframes, {summary.landmarks} landmarks"),
        ("speed", f"{summary.fps:.1f} fps, {summary.duration_s:.1f} s"),
        ("frame time", _spread(summary.latency_ms.get("total"))),
        ("latency", _spread(summary.latency_ms.get(LATENCY))),
        ("exit layer", _exit(summary)),
        ("exit rule", str(summary.info.get("exit", ""))),
        ("audit", _audit(summary.audit)),
        ("peak memory", f"{summary.peak_memory_mb:.0f} MB"),
        *(("note", note) for note in summary.notes),
    ]
    return [(name, value) for name, value in rows if value]


def _coverage(summary: Summary) -> str:
    after = f"after initialisation {summary.coverage_after_init:.1%}, final trajectory {summary.coverage_final:.1%}"
    return f"{summary.coverage:.1%} as emitted, {after}"


def _frames(summary: Summary) -> str:
    parts = [f"{summary.frames} given", f"{summary.tracked} tracked"]
    others = {
        "lost": summary.lost,
        "before the map": summary.initializing,
        "dropped": summary.dropped,
        "skipped": summary.skipped - summary.dropped,
    }
    return ", ".join(parts + [f"{n} {name}" for name, n in others.items() if n])


def _ate(figures: dict[str, Any] | None) -> str:
    if figures is None:
        return ""
    percent = (
        f", {figures['percent']:.2f} % of {figures['path_length_m']:.2f} m" if figures["path_length_m"] > 0 else ""
    )
    scale = f", scale {figures['scale']:.4f}" if figures["align"] == "sim3" else ""
    return f"{figures['rmse']:.4f} m RMSE ({figures['align'].upper()}{scale}), max {figures['max']:.4f} m{percent}"


def _rpe(figures: dict[str, Any] | None, per: str) -> str:
    if figures is None:
        return ""
    translation, rotation = figures["translation_m"]["rmse"], figures["rotation_deg"]["rmse"]
    return f"{translation * 1000:.1f} mm and {rotation:.3f} deg per {per}"


def _segments(figures: dict[str, float] | None) -> str:
    return f"{figures['t_percent']:.3f} %, {figures['r_deg_per_100m']:.3f} deg per 100 m" if figures else ""


def _spread(ms: dict[str, float] | None) -> str:
    return f"p50 {ms['p50']:.1f}, p95 {ms['p95']:.1f}, p99 {ms['p99']:.1f} ms" if ms else ""


def _audit(figures: dict[str, Any] | None) -> str:
    if figures is None or not figures["count"]:
        return ""
    loss = f"loss {figures['loss']:.3f} ({figures['low']:.3f} to {figures['high']:.3f})"
    level = f", level now {figures['level']:.4f}" if math.isfinite(figures["level"]) else ", observed only"
    return f"{figures['count']} frames, {loss}{level}"


def _exit(summary: Summary) -> str:
    if summary.mean_exit_layer is None:
        return ""
    histogram = ", ".join(f"{layer}: {n}" for layer, n in summary.exit_histogram.items())
    hurried = f", {summary.hurried} frames hurried" if summary.hurried else ""
    return f"mean {summary.mean_exit_layer:.2f} ({histogram}){hurried}"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
