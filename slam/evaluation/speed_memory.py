"""Peak memory of a single match, each in a process of its own that has done little before."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from slam.evaluation import environment
from slam.evaluation.speed_methods import DESCRIPTOR_LENGTHS, Ours, opened, random_points, random_view
from slam.running.memory import give_back_memory

WARM_UP_POINTS = 32  # so that what a library allocates once is not counted
PROCESS = Path("/proc/self")
METHOD = (
    "Each figure from a fresh process: one match of two views of 32 points first, then the peak is reset "
    "(/proc/self/clear_refs) and one match is made; the rise of VmHWM over VmRSS before it. Whole process: VmHWM "
    "itself, with Python, the libraries and the weights. Full depth, no pruning: the most that a match can take."
)


@dataclass(frozen=True)
class Peak:
    """Memory in MB (10^6 bytes)."""

    match_mb: float  # that the match added at its peak
    process_mb: float  # the whole process then


def peak_of_match(name: str, ours: Ours, descriptor_length: int, keypoints: int) -> Peak:
    """Measured in a new process. ``descriptor_length`` is that of our features; baselines have their own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(_measured, name, ours, descriptor_length, keypoints).result()


def peaks(
    names: Sequence[str], ours: Ours, descriptor_length: int, keypoints: Sequence[int]
) -> dict[tuple[str, int], Peak]:
    """(matcher, keypoints) -> peak."""
    return {(name, n): peak_of_match(name, ours, descriptor_length, n) for name in names for n in keypoints}


def _measured(name: str, ours: Ours, descriptor_length: int, keypoints: int) -> Peak:
    matcher = opened(name, ours)
    length = DESCRIPTOR_LENGTHS.get(name, descriptor_length)
    for count in (WARM_UP_POINTS, keypoints):
        a, b = (random_view(random_points(count, seed), length, seed) for seed in (1, 2))
        give_back_memory()
        before_mb = _reset_peak()
        matcher.match(a, b)
    peak_mb = _peak_mb()
    return Peak(max(peak_mb - before_mb, 0.0), peak_mb)


def _reset_peak() -> float:
    """Let the peak start from now; the memory resident now, or the peak so far where it cannot be reset."""
    try:
        (PROCESS / "clear_refs").write_text("5")
        return _status_mb("VmRSS")
    except OSError:
        return environment.peak_memory_mb()


def _peak_mb() -> float:
    try:
        return _status_mb("VmHWM")
    except OSError:
        return environment.peak_memory_mb()


def _status_mb(name: str) -> float:
    lines = (PROCESS / "status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(name + ":"))
