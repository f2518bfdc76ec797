"""The frames of one run: answered, recorded and shown one after another."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from slam.config import SlamConfig
from slam.errors import ConfigError, SlamError
from slam.evaluation.compare_files import aligned_to
from slam.evaluation.frame_records import FrameRecord, Load
from slam.evaluation.run_report import RunRecorder
from slam.evaluation.summary import Summary
from slam.mapping.snapshot import map_bytes
from slam.pipeline import Slam
from slam.running.controls import Controls
from slam.running.feed import Fed, realtime_feed, replay_feed
from slam.running.mailbox import Mailbox
from slam.running.map_writer import MapFile
from slam.running.options import RunOptions
from slam.running.run_memory import RunMemory
from slam.running.stopping import Stopped, StopSignals
from slam.running.telemetry import Telemetry
from slam.running.timing import Timing
from slam.sources import Source, live
from slam.types import Float64, Track
from slam.viewer.process import Viewer
from slam.viewer.update import viewer_update


@dataclass(frozen=True, slots=True)
class Progress:
    """What the terminal shows while a run goes on."""

    done: int  # frames of the recording, up to the last one answered
    total: int
    fps: float
    record: FrameRecord


OnProgress = Callable[[Progress], None]


class Loop:
    """The frames of one run."""

    def __init__(
        self,
        source: Source,
        slam: Slam,
        config: SlamConfig,
        recorder: RunRecorder,
        viewer: Viewer,
        stop: StopSignals,
        on_progress: OnProgress,
        timing: Timing,
        memory: RunMemory,
        observed: Mailbox[Fed],
        map_file: MapFile,
        telemetry: Telemetry,
    ) -> None:
        self._source, self._slam, self._config = source, slam, config
        self._recorder, self._viewer, self._stop, self._on_progress = recorder, viewer, stop, on_progress
        self._done, self._start_s, self._shown_s = 0, time.perf_counter(), 0.0
        self._last: tuple[Fed, Track, float] | None = None
        self._timing, self._memory, self._observed, self._map_file = timing, memory, observed, map_file
        self._telemetry = telemetry
        self._controls = Controls(viewer, stop, self._save_map, self.show_last)

    def run(self, realtime: bool) -> BaseException | None:
        """Answer every frame; what ended the run early, or None."""
        try:
            for fed in self._feed(realtime):
                self._answer(fed)
                is_idle = self._timing.is_idle(fed)
                if is_idle:
                    self._slam.video.audit()
                    self._slam.use_idle_time()
                asked = self._controls.asked()
                if self._timing.begins_anew(fed, asked):
                    self._controls.said = self._slam.begin_anew()
                self._memory.decided(self._timing.end(fed, is_idle, asked))
                self._stop.check()
        except (Stopped, KeyboardInterrupt, SlamError) as ending:
            return ending
        return None

    def finish(self, options: RunOptions, ending: BaseException | None, command: str) -> Summary:
        self._recorder.leave_out(self._controls.paused_s)
        info = {
            "seed": self._config.run.seed,
            "source": options.source,
            "path": str(options.path or ""),
            "rig": self._source.rig.name,
            "features": self._config.features.name,
            "matcher": self._config.matcher.name,
            "exit": getattr(self._slam.matcher, "exit_note", ""),
            "runtime": getattr(self._slam.matcher, "runtime", ""),
            "audit": self._audit_figures(),
            "realtime": options.realtime,
            "frames": self._done if ending else len(self._source),
            "skips": [{"index": s.index, "stamp_ns": s.stamp_ns, "reason": s.reason} for s in self._source.skipped],
            "graph": self._slam.back_end.health.figures(),
            "loops": asdict(self._slam.back_end.loops),
            "map": self._map_file.figures(),
            "map_bytes": map_bytes(self._slam.map),
            "inertial": self._slam.inertial_figures(),
            "command": command,
            "notes": self._notes(ending),
        }
        truth, since_ns = self._source.ground_truth, self._slam.metric_since_ns
        final, snapshot, submap_id = self._slam.trajectory(), self._slam.snapshot(), self._slam.main_submap
        return self._recorder.finish(final, truth, self._slam.mode, snapshot, info, since_ns, submap_id)

    def _feed(self, realtime: bool) -> Iterator[Fed]:
        if realtime:
            return realtime_feed(
                self._timing.frames(), self._slam.observer, self._observed, live(self._source), self._controls.gate
            )
        return replay_feed(self._timing.frames(), self._slam.observer, self._config.run.ahead)

    def _answer(self, fed: Fed) -> None:
        start = time.perf_counter()
        self._memory.given(fed.frame)
        self._timing.begin(fed)
        self._slam.deadline.extracted_beside(fed.extract_ms)
        track = self._slam.answer(fed.frame, fed.observation)
        now = time.perf_counter()
        self._slam.keep_up()  # nobody waits for it: the pose is known
        self._map_file.answered(track.keyframe_id)
        track.ms["extract"] = fed.extract_ms
        latency_ms = None if fed.arrived_s is None else (now - max(fed.arrived_s, self._controls.went_on_s)) * 1e3
        total_ms = (now - start) * 1e3 + fed.extract_ms
        record = self._recorder.add(track, total_ms, fed.dropped, latency_ms, self._load())
        self._telemetry.send(record)
        self._done += 1
        fps = self._done / (now - self._start_s - self._controls.paused_s)
        self._last = (fed, track, fps)
        if self._viewer.is_live and now - self._shown_s > 1.0 / self._config.run.viewer_hz:
            self._show(fed, track, fps)
            self._shown_s = now
        self._on_progress(Progress(fed.frame.index + 1, len(self._source), fps, record))

    def _load(self) -> Load:
        world = self._slam.map
        queue = int(not self._observed.is_empty) + int(self._slam.back_end.is_busy)
        return Load(len(world.keyframes), world.num_alive, queue)

    def show_last(self) -> None:
        """Show the finished map with the last frame."""
        if self._last is not None:
            self._show(*self._last)

    def _show(self, fed: Fed, track: Track, fps: float) -> None:
        snapshot = self._slam.snapshot()
        self._viewer.show(
            viewer_update(
                fed.frame,
                track,
                snapshot,
                num_layers=self._slam.matcher.num_layers,
                fps=fps,
                ground_truth_world=self._ground_truth_world(),
                said=self._controls.said,
            )
        )

    def _save_map(self) -> str:
        """Write the map as it is now, into the run's folder and the map file; what came of it."""
        self._map_file.record()
        try:
            return f"map saved: {self._recorder.save_map(self._slam.snapshot()).name}"
        except ConfigError as error:
            return f"map not saved: {error.__cause__}"

    def _audit_figures(self) -> dict[str, Any] | None:
        report = self._slam.video.report
        return None if report is None else asdict(report)

    def _ground_truth_world(self) -> Float64 | None:
        """(F, 3) the true camera centres, laid over the map; None while there is too little to align."""
        truth = self._source.ground_truth
        return None if truth is None else aligned_to(self._slam.trajectory(), truth, not self._slam.is_metric)

    def _notes(self, ending: BaseException | None) -> list[str]:
        notes = [self._viewer.note] if self._viewer.note else []
        notes.extend([*self._map_file.notes, *self._memory.notes()])
        if isinstance(ending, Stopped | KeyboardInterrupt):
            notes.append(f"stopped by {str(ending) or 'Ctrl-C'} after {self._done} frames")
        if isinstance(ending, SlamError):
            notes.append(f"ended early: {ending}")
        notes.extend(self._source.notes)
        if self._source.skipped:
            first = self._source.skipped[0]
            notes.append(f"{len(self._source.skipped)} frames skipped, the first: {first.reason}")
        if (self._slam.metric_since_ns or 0) > 0:
            notes.append("the error as emitted counts from the inertial start on: poses before it have no scale")
        return notes + self._slam.back_end.health.notes() + self._slam.submap_notes()
