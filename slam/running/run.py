"""A whole run: source, tracking, recorder and viewer wired together, in replay or in real time."""

from __future__ import annotations

import shlex
import sys
from contextlib import ExitStack, closing, nullcontext
from dataclasses import dataclass
from pathlib import Path

from slam.config import SlamConfig
from slam.errors import SlamError
from slam.evaluation.run_report import RunRecorder
from slam.evaluation.summary import Summary
from slam.graph import Graph, InlineGraph
from slam.mapfile.merge import compacted
from slam.pipeline import Slam
from slam.running.decisions import read_decisions
from slam.running.feed import Fed
from slam.running.graph_process import GraphProcess
from slam.running.loop import Loop, OnProgress
from slam.running.mailbox import Mailbox
from slam.running.map_writer import map_writer, restored_map
from slam.running.options import RunOptions, effective_config, opened_source, with_launch_file
from slam.running.punctual import PunctualGraph
from slam.running.run_memory import RunMemory
from slam.running.scripted import LoggedGraph, ScriptedGraph
from slam.running.stopping import StopSignals, deaf_to_ctrl_c
from slam.running.threads import one_thread_per_worker
from slam.running.timing import Clock, Script, by_stamp
from slam.running.warm_up import frame_rate, settled_memory, warm_up
from slam.sources import Source
from slam.viewer.choice import opened_viewer
from slam.viewer.window import has_display


@dataclass(frozen=True, slots=True)
class RunResult:
    summary: Summary
    folder: Path
    error: SlamError | None = None  # what ended the run early; everything before it is written


def run(options: RunOptions, on_progress: OnProgress) -> RunResult:
    """Run to the end of the source, to --max-frames or to Ctrl-C (SIGTERM), and write everything a run leaves.

    Raises SlamError for bad input that is known before the first frame.
    """
    options, launch_settings = with_launch_file(options)
    config = effective_config(options, launch_settings)
    one_thread_per_worker(config.run.seed)
    source = opened_source(options)
    decisions = by_stamp(read_decisions(options.decisions), source) if options.decisions else None
    beside, graph = _graph(options, config.run.graph_frames)
    with closing(beside) if beside is not None else nullcontext():  # whatever happens, no process is left
        restored = restored_map(options, config, source)
        fps = _rate_to_hold(options, config, source)
        slam = Slam(
            source.rig, source.mode, config, graph, fps, restored and compacted(restored), not options.localize_only
        )
        warm_up(slam, source.rig)
        if beside is not None:
            beside.wait_until_ready()
        observed: Mailbox[Fed] = Mailbox()  # where frames wait in real time
        timing = (
            Script(source, graph, slam.video, decisions or {})
            if isinstance(graph, ScriptedGraph)
            else Clock(source, graph, slam.video, observed)
        )
        with deaf_to_ctrl_c():
            viewer = opened_viewer(options.viewer, options.screenshot)
        with ExitStack() as stack:
            recorder = stack.enter_context(RunRecorder(options.out))
            stop = stack.enter_context(StopSignals())
            header = {"command": command_line(), "rig": source.rig.name}
            recorder.write_config(config, header)
            memory = stack.enter_context(RunMemory(options.record, source, config, header))
            map_file = map_writer(options, config, source, restored, slam)
            loop = Loop(source, slam, config, recorder, viewer, stop, on_progress, timing, memory, observed, map_file)
            with settled_memory():
                ending = loop.run(options.realtime)
            slam.finish()
            map_file.close()
            loop.show_last()
            viewer.close(options.screenshot or _default_screenshot(options, recorder))
            summary = loop.finish(options, ending, command_line())
        return RunResult(summary, recorder.folder, ending if isinstance(ending, SlamError) else None)


def _rate_to_hold(options: RunOptions, config: SlamConfig, source: Source) -> float:
    """Frames per second, 0 for none: a replay leaves early where the run did, not where its own clock says."""
    if options.decisions:
        return 0.0
    return config.run.fps or (frame_rate(source) if options.realtime else 0.0)


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
    """Where there is no display, the viewer's picture is written beside the other results."""
    if options.viewer == "none" or has_display():
        return None
    return recorder.folder / "viewer.png"
