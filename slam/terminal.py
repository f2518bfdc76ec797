"""What the terminal shows: progress bars and tables. The only home of rich."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Column, Table

from slam.dashboard import Dashboard
from slam.evaluation.summary import Summary
from slam.evaluation.summary_table import summary_rows

if TYPE_CHECKING:
    from slam.learning.train import Progress as TrainProgress
    from slam.learning.train_features import FeatureProgress
    from slam.running.loop import Progress as RunProgress
    from slam.running.record import RecordProgress

console = Console()
OUTSIDE_FONTS = re.compile(r"@font-face\s*{[^}]*}")  # rich would have the reader's browser fetch them
STATUS_COLORS = {"tracking": "green", "relocalized": "yellow", "initializing": "cyan", "lost": "red"}


class _Display:
    """One progress bar with a line of figures."""

    def __init__(self, total: float | None = None) -> None:
        columns = (
            SpinnerColumn(),
            BarColumn(40),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
        )
        self._progress = Progress(*columns, console=console)
        self._task = self._progress.add_task("starting", total=total)

    def __enter__(self) -> Any:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None and self._progress.tasks[0].completed == 0:
            self._progress.live.transient = True  # nothing happened yet: leave the error alone on the screen
        self._progress.stop()


class RunDisplay(_Display):
    """Frames, fps, status and exit layer of a run, in a line: for what is no terminal."""

    def update(self, state: RunProgress) -> None:
        record = state.record
        color = STATUS_COLORS[record.status]
        status = f"{record.status}: {record.reason}" if record.reason else record.status
        text = (
            f"{state.fps:5.1f} fps  [{color}]{status}[/{color}]  "
            f"inliers {record.inliers}  exit layer {record.exit_layer}"
        )
        self._progress.update(self._task, completed=state.done, total=state.total or None, description=text)

    def say(self, sentence: str) -> None:
        """A line above the figures, which stays."""
        console.print(sentence, highlight=False, markup=False)


def run_display(title: str) -> RunDisplay | Dashboard:
    """How a run is shown here. Use as a context manager; ``update`` takes its Progress."""
    return Dashboard(console, title) if console.is_terminal else RunDisplay()


class TrainDisplay(_Display):
    """Share done, stage, speed and figures of a training."""

    def __init__(self) -> None:
        super().__init__(total=100)

    def update(self, state: TrainProgress) -> None:
        text = (
            f"{state.stage}  step {state.step}  {state.pairs_per_s:.0f} pairs/s  loss {state.loss:.3f}  "
            f"recall {state.recall:.2f}  precision {state.precision:.2f}"
        )
        self._progress.update(self._task, completed=round(100 * state.share), description=text)

    def update_features(self, state: FeatureProgress) -> None:
        """The same for a training of the extractor."""
        figures = "  ".join(f"{name} {value:.2f}" for name, value in state.figures.items())
        text = f"{state.stage}  step {state.step}  {state.pairs_per_s:.0f} pairs/s  {figures}"
        self._progress.update(self._task, completed=round(100 * state.share), description=text)


@contextmanager
def recording_display() -> Iterator[Callable[[RecordProgress], None]]:
    """A line of figures that is moved by calling it."""
    with _Display() as display:

        def update(state: RecordProgress) -> None:
            rate = state.given / state.seconds if state.seconds > 0 else 0.0
            text = f"{rate:5.1f} fps  {state.seconds:.0f} s  left out {state.left_out}"
            display._progress.update(display._task, completed=state.given, total=None, description=text)

        yield update


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar that is moved by calling it with (done, total)."""
    with _Display() as display:

        def update(done: int, total: int) -> None:
            display._progress.update(display._task, completed=done, total=total or None, description=what)

        yield update


@contextmanager
def fetching() -> Iterator[Callable[[str, int, int], None]]:
    """A bar per file, which is moved by calling it with (file, bytes done, bytes in all), from any thread."""
    columns = (TextColumn("{task.description}"), BarColumn(30), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as bars:
        tasks: dict[str, TaskID] = {}

        def update(file: str, done: int, total: int) -> None:
            task = tasks[file] if file in tasks else tasks.setdefault(file, bars.add_task(file))
            bars.update(task, completed=done, total=total or None)

        yield update


def show_summary(summary: Summary, folder: Path) -> None:
    show_rows([*summary_rows(summary), ("results", str(folder))])


def show_rows(rows: Sequence[tuple[str, str]]) -> None:
    """Names and values, one line each."""
    table = Table(show_header=False, box=None)
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")  # a path is never cut
    for name, value in rows:
        table.add_row(name, value)
    console.print(table)


def show_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Rows under their header; the first column, whose words are typed on, is never broken."""
    columns = [Column(name, overflow="fold", no_wrap=i == 0) for i, name in enumerate(header)]
    table = Table(*columns, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def svg_text(drawn: Console, title: str) -> str:
    """What a recording console was given, as a picture that asks nothing of the network."""
    return OUTSIDE_FONTS.sub("", drawn.export_svg(title=title))
