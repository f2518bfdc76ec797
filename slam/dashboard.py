"""The terminal's picture of a run while it goes on: one frame's record after another, the last seconds summed up."""

from __future__ import annotations

from collections import Counter, deque
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from slam.evaluation.frame_records import FrameRecord
    from slam.running.loop import Progress

RECENT = 150  # frames that figures of "now" are made of
REFRESH_HZ = 4.0
BAR = 24  # characters of a full histogram bar
SPARKS = "▁▂▃▄▅▆▇█"
STATUS_STYLES = {"tracking": "green", "relocalized": "yellow", "initializing": "cyan", "lost": "bold red"}


class Dashboard:
    """A live panel. Use as a context manager; ``update`` only remembers, a thread of rich draws."""

    def __init__(self, console: Console, title: str) -> None:
        self._title, self._state = title, None
        self._recent: deque[FrameRecord] = deque(maxlen=RECENT)
        self._dropped = 0
        self._live = Live(self, console=console, refresh_per_second=REFRESH_HZ, transient=True)

    def __enter__(self) -> Dashboard:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.stop()

    _state: Progress | None

    def update(self, state: Progress) -> None:
        self._recent.append(state.record)
        self._dropped += state.record.dropped
        self._state = state

    def say(self, text: str) -> None:
        """A line above the panel, that stays."""
        self._live.console.print(text, highlight=False)

    def __rich__(self) -> Panel:
        if self._state is None:
            return Panel("starting: loading networks and opening the source", title=self._title, title_align="left")
        return Panel(_rows(self._state, list(self._recent), self._dropped), title=self._title, title_align="left")


def _rows(state: Progress, recent: list[FrameRecord], dropped: int) -> Table:
    record = state.record
    table = Table.grid(padding=(0, 2))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column()
    table.add_row("status", _status(record))
    if state.total:
        table.add_row("frames", _bar(state))
    table.add_row("rate", f"{rate_hz(recent):.1f} fps now, {state.fps:.1f} over the run; {_dropped(state, dropped)}")
    table.add_row("latency", latency(recent))
    found = f"{record.inliers} by {record.matches} matches and the search after them, {record.features} features"
    table.add_row("inliers", f"{found}  {_sparks(recent)}")
    for name, row in exit_rows(recent):
        table.add_row(name, row)
    table.add_row("map", f"{record.keyframes} keyframes, {record.landmarks} landmarks, queue {record.queue}")
    table.add_row("known to", _sigmas(record))
    table.add_row("memory", f"{record.memory_mb or 0:.0f} MB")
    return table


def _status(record: FrameRecord) -> Text:
    reason = f": {record.reason}" if record.reason else ""
    return Text(f"{record.status}{reason}", STATUS_STYLES[record.status])


def _bar(state: Progress) -> Table:
    line = Table.grid(padding=(0, 1))
    line.add_row(ProgressBar(state.total, state.done, width=BAR), f"{state.done} of {state.total}")
    return line


def rate_hz(recent: list[FrameRecord]) -> float:
    """Frames answered per second of the source's time, over the last frames."""
    seconds = (recent[-1].stamp_ns - recent[0].stamp_ns) * 1e-9
    return (len(recent) - 1) / seconds if seconds > 0 else 0.0


def _dropped(state: Progress, dropped: int) -> str:
    share = dropped / max(1, state.done)
    return f"{dropped} dropped ({share:.1%})"


def latency(recent: list[FrameRecord]) -> str:
    """From the camera to the answer where frames wait, else how long a frame takes."""
    waited = [record.latency_ms for record in recent if record.latency_ms is not None]
    taken = waited or [record.total_ms for record in recent]
    p50, p95 = np.percentile(taken, [50, 95])
    return f"p50 {p50:.0f}, p95 {p95:.0f} ms {'from the camera to the pose' if waited else 'a frame'}"


def exit_rows(recent: list[FrameRecord]) -> list[tuple[str, str]]:
    """A small histogram of the layers at which the matcher was sure, pruned and hurried shares below it."""
    matched = [record for record in recent if record.exit_layer > 0]
    if not matched:
        return [("exit layer", "nothing matched yet")]
    count = Counter(record.exit_layer for record in matched)
    rows = []
    for layer in range(1, max(count) + 1):
        share = count[layer] / len(matched)
        rows.append(("exit layer" if layer == 1 else "", f"{layer} {'█' * round(BAR * share):<{BAR}} {share:4.0%}"))
    pruned = sum(record.pruned for record in matched) / len(matched)
    hurried = sum(record.hurried for record in matched) / len(matched)
    return [*rows, ("pruned", f"{pruned:.0%} of the points; {hurried:.0%} of the frames hurried")]


def _sparks(recent: list[FrameRecord]) -> str:
    """The inliers of the last frames as a line of bars, eight frames each."""
    inliers = [record.inliers for record in recent]
    means = [sum(part) / len(part) for part in (inliers[i : i + 8] for i in range(0, len(inliers), 8))]
    top = max([*means, 1.0])
    return "".join(SPARKS[round((len(SPARKS) - 1) * mean / top)] for mean in means)


def _sigmas(record: FrameRecord) -> str:
    if record.position_sigma is None or record.turn_sigma_deg is None:
        return "nothing known yet"
    return f"{record.position_sigma:.4f} (lengths of the map), {record.turn_sigma_deg:.2f} deg, one sigma"
