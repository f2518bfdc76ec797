"""Time per frame of whole runs, stage by stage, from the health records that every run leaves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from slam.evaluation.bench import run_case
from slam.evaluation.bench_cases import BenchCase
from slam.evaluation.matching_pairs import ROOM
from slam.evaluation.matching_tables import Row
from slam.evaluation.speed_methods import Ours

HEADS = ("run", "stage")
NOTE = (
    "ms per frame. Replay: every frame answered as soon as it can be, extraction ahead on the other core. Paced: at "
    "the recording's own rate, late frames dropped. In both the graph works in a process of its own; a replay waits "
    "where it is late (correction). Total: extraction and everything else up to the pose, one after the other. Map and "
    "graph (what a keyframe adds, and handing it to the graph) follow the answer, before the next frame is looked at; "
    "latency, from the camera to the answer, counts what that delays. Every frame counts, the first ones too."
)


def run_rows(
    data: Path | None, ours: Ours, folder: Path, max_frames: int, progress: Callable[[str], object]
) -> tuple[list[Row], dict[str, str]]:
    """A row per run and stage, and run -> reason of those that failed. ``max_frames`` 0 for all."""
    rows, failures = [], {}
    for case in run_cases(data, ours, max_frames):
        progress(f"run: {case.name}")
        out = folder / case.name.replace(", ", "_").replace(" ", "_")
        result = run_case(case, data or Path(), out, seed=0)
        if result.failure:
            failures[case.name] = result.failure
            continue
        rows += stage_rows(case.name, (out / "health.jsonl").read_text(), result.coverage)
    return rows, failures


def run_cases(data: Path | None, ours: Ours, max_frames: int) -> Iterator[BenchCase]:
    """RGB-D and mono, replayed and paced; 7-Scenes with data, the demo without."""
    settings = ["--features", ours.features]
    settings += ["--set", f"matcher.weights='{ours.matcher.weights}'"] if ours.matcher.weights else []
    settings += ["--max-frames", str(max_frames)] if max_frames else []
    name, source, path = ("7-Scenes", "tum", ROOM) if data else ("demo", "demo", "")
    for mode, align in (("rgbd", "se3"), ("mono", "sim3")):
        yield BenchCase(f"{name} {mode}, replay", source, path, mode, align, tuple(settings))
        yield BenchCase(f"{name} {mode}, paced", source, path, mode, align, (*settings, "--realtime"))


def stage_rows(name: str, health: str, coverage: float) -> list[Row]:
    """p50, p95 and maximum of every stage in a health.jsonl, the total last."""
    records = [json.loads(line) for line in health.splitlines()]
    times: dict[str, list[float]] = {}
    for record in records:
        for stage, ms in record["ms"].items():
            times.setdefault(stage, []).append(ms)
    times["latency"] = [record["latency_ms"] for record in records if record["latency_ms"] is not None]
    times["total"] = [record["total_ms"] for record in records]
    rows = [Row((name, stage), {**spread(ms), "frames": len(ms)}) for stage, ms in times.items() if ms]
    dropped = sum(record["dropped"] for record in records)
    exits = [record["exit_layer"] for record in records if record["exit_layer"]]
    more = {"dropped": dropped, "tracked %": 100 * coverage, "exit": float(np.mean(exits)) if exits else float("nan")}
    return [*rows[:-1], Row(rows[-1].labels, {**rows[-1].figures, **more})]


def spread(ms: list[float]) -> dict[str, float]:
    """Median, 95th percentile and maximum."""
    return {"p50": float(np.median(ms)), "p95": float(np.percentile(ms, 95)), "max": float(np.max(ms))}
