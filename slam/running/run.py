"""A whole run: source, tracking, recorder and viewer wired together, in replay or in real time."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from slam.config import SlamConfig
from slam.errors import SlamError
from slam.evaluation.frame_records import FrameRecord
from slam.evaluation.run_report import RunRecorder
from slam.evaluation.summary import Summary
from slam.graph import Graph, InlineGraph
from slam.mapfile.contents import LoadedMap
from slam.mapfile.merge import compacted
from slam.pipeline import Slam
from slam.running.controls import stay_open
from slam.running.decisions import Decisions, read_decisions
from slam.running.feed import Fed
from slam.running.graph_process import GraphProcess
from slam.running.loop import Loop, OnProgress, Progress
from slam.running.mailbox import Mailbox
from slam.running.map_writer import map_writer, restored_map
from slam.running.options import RunOptions, effective_config, opened_source, with_launch_file
from slam.running.origin import origin_of, write_origin
from slam.running.punctual import PunctualGraph
from slam.running.run_memory import RunMemory
from slam.running.scripted import LoggedGraph, ScriptedGraph
from slam.running.self_calibration import find_camera
from slam.running.stopping import StopSignals, deaf_to_ctrl_c
from slam.running.telemetry import Telemetry, opened_telemetry
from slam.running.threads import one_thread_per_worker
from slam.running.timing import Clock, Script, Timing, by_stamp
from slam.running.warm_up import frame_rate, settled_memory, warm_up
from slam.sources import LiveSource, Source, live
from slam.types import Track, TrackStatus
from slam.viewer.choice import opened_viewer
from slam.viewer.process import Viewer
from slam.viewer.window import has_display

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class RunResult:
    summary: Summary
    folder: Path
    error: SlamError | None = None  # what ended the run early; everything before it is written


def run(options: RunOptions, on_progress: OnProgress, say: Say = lambda _: None) -> RunResult:
    """Run to the end of the source, to --max-frames or to Ctrl-C (SIGTERM), and write everything a run leaves.

    ``say`` is told, in sentences, what people must know while the run goes on.
    Raises SlamError for bad input that is known before the first frame.
    """
    options, launch_settings = with_launch_file(options)
    config = effective_config(options, launch_settings)
    one_thread_per_worker(config.run.seed)
    source = opened_source(options)
    camera = live(source)
    options = replace(options, realtime=options.realtime or camera is not None)
    decisions = by_stamp(read_decisions(options.decisions), source) if options.decisions else None
    beside, graph = _graph(options, config.run.graph_frames)
    with (
        _closing(camera),
        _closing(beside),
        opened_telemetry(options.telemetry) as telemetry,
    ):  # whatever happens, no process is left and no device held
        if camera is not None and camera.guesses_camera:
            _calibrate_by_itself(camera, config, on_progress)
        restored = restored_map(options, config, source)
        fps = _rate_to_hold(options, config, source)
        compact = restored and compacted(restored)
        slam = Slam(source.rig, source.mode, config, graph, fps, compact, not options.localize_only)
        warm_up(slam, source.rig)
        if beside is not None:
            beside.wait_until_ready()
        observed: Mailbox[Fed] = Mailbox()  # where frames wait in real time
        timing = _timing(source, slam, graph, decisions or {}, observed)
        with deaf_to_ctrl_c():
            viewer = opened_viewer(options.viewer, options.screenshot, options.viewer_host, options.viewer_port)
        if viewer.address:
            say(f"the map is shown at {viewer.address}")
        with RunRecorder(options.out) as recorder:
            ready = Ready(options, config, source, restored, slam, viewer, recorder, timing, observed, telemetry, say)
            return _answered(ready, on_progress)


@dataclass(frozen=True, slots=True)
class Ready:
    """A run whose input is known to be good, before its first frame."""

    options: RunOptions
    config: SlamConfig
    source: Source
    restored: LoadedMap | None
    slam: Slam
    viewer: Viewer
    recorder: RunRecorder
    timing: Timing
    observed: Mailbox[Fed]
    telemetry: Telemetry
    say: Say


def _answered(run: Ready, on_progress: OnProgress) -> RunResult:
    """Answer every frame, and write what a run leaves."""
    options, recorder = run.options, run.recorder
    header = {"command": command_line(), "rig": run.source.rig.name}
    recorder.write_config(run.config, header)
    write_origin(recorder.folder, origin_of(options, run.source))
    with StopSignals() as stop, _memory(run, header) as memory:
        map_file = map_writer(options, run.config, run.source, run.restored, run.slam, recorder.folder)
        loop = Loop(
            *(run.source, run.slam, run.config, recorder, run.viewer, stop, on_progress),
            *(run.timing, memory, run.observed, map_file, run.telemetry),
        )
        with settled_memory():
            ending = loop.run(options.realtime)
        memory.close()
        run.slam.finish()
        map_file.close()
        loop.show_last()
        stays = options.viewer_stay and run.viewer.is_live and ending is None
        if not stays:
            run.viewer.close(options.screenshot or _default_screenshot(options, recorder))
        summary = loop.finish(options, ending, command_line())
        if stays:
            run.say(f"everything is written to {recorder.folder}; the viewer stays until Ctrl-C")
            stay_open(run.viewer, stop)
            run.viewer.close(options.screenshot)
    return RunResult(summary, recorder.folder, ending if isinstance(ending, SlamError) else None)


def _memory(run: Ready, header: dict[str, str]) -> RunMemory:
    options = run.options
    return RunMemory(options.record, run.source, run.config, header, waits=not options.realtime)


def _timing(
    source: Source,
    slam: Slam,
    graph: LoggedGraph | ScriptedGraph,
    decisions: dict[int, Decisions],
    observed: Mailbox[Fed],
) -> Timing:
    """Who decides what time decides: the clock, or the script of a run that is replayed."""
    if isinstance(graph, ScriptedGraph):
        return Script(source, graph, slam.video, decisions)
    return Clock(source, graph, slam.video, observed)


def _rate_to_hold(options: RunOptions, config: SlamConfig, source: Source) -> float:
    """Frames per second, 0 for none: a replay leaves early where the run did, not where its own clock says."""
    if options.decisions:
        return 0.0
    return config.run.fps or (frame_rate(source) if options.realtime else 0.0)


def _calibrate_by_itself(camera: LiveSource, config: SlamConfig, on_progress: OnProgress) -> None:
    """Give the camera the rig that its pictures show."""
    count, start_s = 0, time.perf_counter()

    def told(track: Track, doing: str) -> None:
        nonlocal count
        count += 1
        shown = replace(track, status=TrackStatus.INITIALIZING, reason=doing)
        on_progress(Progress(count, 0, count / (time.perf_counter() - start_s), FrameRecord.of(shown, 0.0, 0)))

    found = find_camera(camera, config, told)
    camera.rig = found.rig
    camera.notes.append(found.note)


def _closing(thing: LiveSource | GraphProcess | None) -> AbstractContextManager[object]:
    return nullcontext() if thing is None else closing(thing)


def _graph(options: RunOptions, frames: int) -> tuple[GraphProcess | None, LoggedGraph | ScriptedGraph]:
    """The process that optimises beside the run, if one does, and the Graph that answers for it."""
    if options.decisions:
        process = GraphProcess(niceness=0)
        return process, ScriptedGraph(process)
    if options.realtime:
        process = GraphProcess()
        return process, LoggedGraph(process)
    if not frames:
        return None, LoggedGraph(InlineGraph())
    process = GraphProcess(niceness=0)  # a replay waits for it
    punctual: Graph = PunctualGraph(process, frames)
    return process, LoggedGraph(punctual)


def command_line() -> str:
    """What the user typed."""
    return shlex.join(["slam", *sys.argv[1:]])


def _default_screenshot(options: RunOptions, recorder: RunRecorder) -> Path | None:
    """Where there is no display for its window, the viewer's picture is written beside the other results."""
    if options.viewer != "open3d" or has_display():
        return None
    return recorder.folder / "viewer.png"
