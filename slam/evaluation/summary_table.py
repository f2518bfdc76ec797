"""The table that the terminal ends a run with."""

from __future__ import annotations

import math
from typing import Any

from slam.evaluation.summary import LATENCY, Summary


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
