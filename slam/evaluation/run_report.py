"""What a run leaves behind. Every frame is on disk as soon as it is answered, so that a crash loses nothing.

And so that a long run needs no memory for its records: they are read back when it ends.
"""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from slam.config import SlamConfig
from slam.config import write_config as write_config_file
from slam.errors import ConfigError
from slam.evaluation import environment
from slam.evaluation.ate import Align, AteResult
from slam.evaluation.frame_records import FrameRecord, Load, read_records
from slam.evaluation.plots import Effort, plot_error, plot_trajectory
from slam.evaluation.run_errors import run_errors, truth_of_frames
from slam.evaluation.run_folder import opened_run_folder, written_whole
from slam.evaluation.summary import Summary, effort_figures
from slam.export.ply import write_ply
from slam.geometry import quat_xyzw_from_rotation
from slam.trajectory import Trajectory, seconds_text, write_tum
from slam.types import Float64, MapSnapshot, Mode, Track

OWN_INFO = ("seed", "command", "frames", "notes", "audit")  # entries of ``info`` that have a field of their own


class RunRecorder:
    """Writes health.jsonl and trajectory_causal.txt while the run goes on, and everything else when it ends.

    ``out`` None means ``runs/<time>``, with ``runs/latest`` pointing at it. Raises ConfigError when the folder holds
    files already or cannot be made. Use as a context manager, or call ``close``.
    """

    def __init__(self, out: Path | None = None) -> None:
        self.folder = opened_run_folder(out)
        self._health = (self.folder / "health.jsonl").open("w", encoding="utf-8")
        self._causal = (self.folder / "trajectory_causal.txt").open("w", encoding="utf-8")
        self._count = 0
        self._emitted: list[tuple[int, int, bytes]] = []  # stamp_ns, sub-map whose world it is, T_world_cam
        self._started_s = self._ended_s = time.perf_counter()

    def __enter__(self) -> RunRecorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the files that grow; what they hold stays."""
        with self._on_disk():
            self._health.close()
            self._causal.close()

    def write_config(self, config: SlamConfig, extra: dict[str, Any] | None = None) -> None:
        """Write the effective configuration as config.toml, ``extra`` as comments above it."""
        with written_whole(self.folder / "config.toml") as path:
            write_config_file(config, path, extra)

    def add(
        self,
        track: Track,
        total_ms: float,
        dropped: int = 0,
        latency_ms: float | None = None,
        load: Load | None = None,
    ) -> FrameRecord:
        """Record one answered frame. Raises ConfigError when the disk takes no more.

        ``dropped``: frames given up since the one before; ``latency_ms``: from the camera to the answer, in real time.
        """
        self._ended_s = time.perf_counter()
        if not self._count:
            self._started_s = self._ended_s - total_ms / 1e3
        self._count += 1
        record = FrameRecord.of(track, total_ms, dropped, latency_ms, environment.memory_mb(), load)
        with self._on_disk():
            self._health.write(json.dumps(asdict(record)) + "\n")
            self._health.flush()
            if track.T_world_cam is not None:
                self._add_pose(record.stamp_ns, track.submap_id, track.T_world_cam)
        return record

    def leave_out(self, seconds: float) -> None:
        """Time in which the run was paused: it is no part of its speed."""
        self._started_s += seconds

    def save_map(self, snapshot: MapSnapshot) -> Path:
        """Write map.ply as it is now; ``finish`` writes it again. Raises ConfigError when the disk takes no more."""
        with self._on_disk(), written_whole(self.folder / "map.ply") as path:
            write_ply(path, snapshot)
        return self.folder / "map.ply"

    def finish(
        self,
        final: Trajectory,
        ground_truth: Trajectory | None,
        mode: Mode,
        snapshot: MapSnapshot,
        info: dict[str, Any] | None = None,
        metric_since_ns: int | None = None,
        submap_id: int = 0,
    ) -> Summary:
        """Write trajectory.txt, truth.txt, map.ply, the pictures and summary.json, and return the summary.

        ``info`` goes into the summary; its ``seed``, ``command``, ``frames`` (given by the source), ``notes`` and
        ``audit`` fill the fields of that name. Ground truth that fits no stamp leads to a note, not to an error.
        ``metric_since_ns``: when inertial samples made a monocular run metric; poses emitted before that have no scale
        and are left out of the error as emitted. ``submap_id``: of ``final``; poses emitted in the world of another
        sub-map are left out there too.
        """
        align: Align = "se3" if mode.is_metric or metric_since_ns is not None else "sim3"
        with self._on_disk():
            self.close()
            records = read_records(self.folder / "health.jsonl")
            truth = self._write_trajectories(records, final, ground_truth)
            self.save_map(snapshot)
            figures, result = run_errors(final, self._emitted_in(submap_id, metric_since_ns), truth, align)
            summary = self._summary(records, mode, snapshot, info or {}, figures, len(final))
            self._draw(records, final, truth, result, summary)
            with written_whole(self.folder / "summary.json") as path:
                summary.write(path)
        return summary

    @contextmanager
    def _on_disk(self) -> Iterator[None]:
        """Raises ConfigError instead of OSError."""
        try:
            yield
        except OSError as error:
            raise ConfigError(
                f"{self.folder}: cannot be written ({error.strerror}); what is there stays, free some space for more"
            ) from error

    def _add_pose(self, stamp_ns: int, submap_id: int, T_world_cam: Float64) -> None:
        self._emitted.append((stamp_ns, submap_id, T_world_cam.tobytes()))  # half of what an array takes
        line = _tum_line(stamp_ns, T_world_cam)
        if submap_id == 0:
            self._causal.write(line)
            self._causal.flush()
            return
        with (self.folder / f"trajectory_causal_{submap_id}.txt").open("a", encoding="utf-8") as file:
            file.write(line)

    def _emitted_in(self, submap_id: int, metric_since_ns: int | None) -> Trajectory:
        since_ns = -1 if metric_since_ns is None else metric_since_ns
        chosen = [(stamp, T) for stamp, submap, T in self._emitted if submap == submap_id and stamp > since_ns]
        poses = np.array([np.frombuffer(T) for _, T in chosen], np.float64).reshape(-1, 4, 4)
        return Trajectory(np.array([stamp for stamp, _ in chosen], np.int64), poses)

    def _write_trajectories(
        self, records: list[FrameRecord], final: Trajectory, ground_truth: Trajectory | None
    ) -> Trajectory | None:
        """Write trajectory.txt and truth.txt, whose poses are returned."""
        with written_whole(self.folder / "trajectory.txt") as path:
            write_tum(path, final)
        if ground_truth is None:
            return None
        truth = truth_of_frames(ground_truth, np.array([r.stamp_ns for r in records], np.int64))
        with written_whole(self.folder / "truth.txt") as path:
            write_tum(path, truth)
        return truth

    def _summary(
        self,
        records: list[FrameRecord],
        mode: Mode,
        snapshot: MapSnapshot,
        info: dict[str, Any],
        figures: dict[str, Any],
        placed: int,
    ) -> Summary:
        notes = (*figures.pop("notes"), *info.get("notes", ()))
        last_index = records[-1].index if records else -1
        frames = max(int(info.get("frames", 0)), last_index + 1, len(records))
        return Summary(
            mode=mode.value,
            coverage_final=placed / frames if frames else 0.0,
            keyframes=len(snapshot.keyframe_ids),
            landmarks=len(snapshot.points_world),
            peak_memory_mb=round(environment.peak_memory_mb(), 1),
            seed=info.get("seed"),
            command=info.get("command", shlex.join(sys.argv)),
            commit=environment.commit(),
            versions=environment.versions(),
            hardware=environment.hardware(),
            notes=notes,
            audit=info.get("audit"),
            info={name: value for name, value in info.items() if name not in OWN_INFO},
            **figures,
            **effort_figures(records, frames, self._ended_s - self._started_s),
        )

    def _draw(
        self,
        records: list[FrameRecord],
        final: Trajectory,
        ground_truth: Trajectory | None,
        result: AteResult | None,
        summary: Summary,
    ) -> None:
        effort = Effort(
            np.array([r.stamp_ns for r in records], np.int64),
            np.array([r.exit_layer for r in records], np.int64),
            np.array([r.inliers for r in records], np.int64),
            [r.tracked for r in records],
        )
        name = str(summary.info.get("source", "run"))
        title = f"{name}, {summary.mode}" + (f": ATE {result.rmse:.4f} m ({summary.align})" if result else "")
        with written_whole(self.folder / "trajectory.png") as path:
            shown, truth = (result.aligned, ground_truth) if result else (final, None)
            plot_trajectory(path, shown, truth, title)
        with written_whole(self.folder / "error.png") as path:
            plot_error(path, effort, result, title)


def _tum_line(stamp_ns: int, T_world_cam: Float64) -> str:
    values = [*T_world_cam[:3, 3], *quat_xyzw_from_rotation(T_world_cam[:3, :3])]
    return " ".join([seconds_text(stamp_ns), *(f"{value:.9f}" for value in values)]) + "\n"
