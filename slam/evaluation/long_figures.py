"""What a long run shows beside its error: whether time and memory grow, and whether the scale drifts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from slam.evaluation.association import MAX_DIFF_S, associated
from slam.geometry import umeyama
from slam.trajectory import Trajectory

EARLY_FRAME = 500  # once everything is warm
AROUND = 100  # frames on either side


@dataclass(frozen=True)
class LongRun:
    """Figures of one run of a long recording; ``failure`` says why there are none."""

    failure: str = ""
    ate_m: float | None = None
    coverage: float = 0.0  # of the final trajectory
    keyframes: int = 0
    loops: int = 0  # closed, or fused because their ends share landmarks
    refused: int = 0
    scale_drift: float | None = None  # of the last round over the first, less 1; None where the scale is known
    early_ms: float | None = None  # per frame without extraction, around frame 500
    late_ms: float | None = None  # and at the end
    early_mb: float | None = None  # resident, around frame 500
    late_mb: float | None = None
    peak_mb: float = 0.0
    keyframe_kb: float | None = None  # of the map, per keyframe, landmarks included

    @property
    def ratio(self) -> float | None:
        """Time per frame at the end over that around frame 500."""
        return self.late_ms / self.early_ms if self.early_ms and self.late_ms else None


def long_run(folder: Path, truth: Trajectory, final: Trajectory, rounds: int) -> LongRun:
    """The figures of a run folder."""
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    records = [json.loads(line) for line in (folder / "health.jsonl").read_text(encoding="utf-8").splitlines()]
    early, late = _around(records, EARLY_FRAME), _around(records, records[-1]["index"])
    loops, keyframes = summary["info"]["loops"], summary["keyframes"]
    return LongRun(
        ate_m=summary["ate"] and summary["ate"]["rmse"],
        coverage=summary["coverage_final"],
        keyframes=keyframes,
        loops=loops["closed"] + loops["tied"],
        refused=loops["refused"],
        scale_drift=scale_drift(final, truth, rounds) if summary["align"] == "sim3" else None,
        early_ms=_median([r["total_ms"] - r["ms"].get("extract", 0.0) for r in early]),
        late_ms=_median([r["total_ms"] - r["ms"].get("extract", 0.0) for r in late]),
        early_mb=_median([r["memory_mb"] for r in early if r["memory_mb"] is not None]),
        late_mb=_median([r["memory_mb"] for r in late if r["memory_mb"] is not None]),
        peak_mb=summary["peak_memory_mb"],
        keyframe_kb=summary["info"]["map_bytes"] / 1e3 / keyframes if keyframes else None,
    )


def scale_drift(est: Trajectory, truth: Trajectory, rounds: int) -> float | None:
    """Lengths of the last round in those of the first, less 1, each by its own alignment; None with too few poses."""
    index_est, index_truth = associated(est.stamps_ns, truth.stamps_ns, MAX_DIFF_S)
    length = len(truth.stamps_ns) / rounds
    number = np.minimum((index_truth / length).astype(int), rounds - 1)
    scales = []
    for chosen in (number == 0, number == rounds - 1):
        if chosen.sum() < 3:
            return None
        true, found = truth.T_world_cam[index_truth[chosen], :3, 3], est.T_world_cam[index_est[chosen], :3, 3]
        scales.append(umeyama(true, found, with_scale=True)[0])
    first, last = scales  # metres per length of the map
    return first / last - 1.0


def _around(records: list[dict[str, Any]], index: int) -> list[dict[str, Any]]:
    return [record for record in records if abs(record["index"] - index) <= AROUND]


def _median(values: list[float]) -> float | None:
    return float(np.median(values)) if values else None
