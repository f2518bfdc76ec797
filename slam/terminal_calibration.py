"""What a live calibration shows in the terminal: which parts of the image are covered, and what to do next."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.text import Text

from slam.terminal import console

if TYPE_CHECKING:
    from slam.calibration.capture import Look

MANY = 4  # corners at which a cell is drawn full
SHADES = "·░▒▓█"
TILTS = ("right edge away", "left edge away", "lower edge away", "upper edge away")


class CaptureDisplay:
    """The image as a grid of cells, the board in it, tilts, and one line of advice."""

    def __init__(self) -> None:
        self._live = Live(Text("waiting for the camera"), console=console, refresh_per_second=10, transient=True)

    def __enter__(self) -> CaptureDisplay:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.stop()

    def update(self, look: Look) -> None:
        self._live.update(rendered(look))


def rendered(look: Look) -> Group:
    """The picture of a look, in lines of text."""
    coverage = look.coverage
    tilted = ", ".join(f"{name} {count}" for name, count in zip(TILTS, coverage.tilted))
    return Group(
        *_grid(look),
        Text(f"{len(coverage.placements)} views, {100 * coverage.share:.0f} % of the image; tilted: {tilted}"),
        Text(look.what, style="green" if look.is_taken else "yellow"),
        Text(look.advice or "enough", style="bold cyan"),
        Text("Ctrl-C ends the capture and calibrates with what there is", style="dim"),
    )


def _grid(look: Look) -> list[Text]:
    """Cells by how many corners fell into them; cells of the board as it is seen now are coloured."""
    now = _cells_now(look)
    lines = []
    for row, counts in enumerate(look.coverage.corners):
        line = Text()
        for column, count in enumerate(counts):
            shade = SHADES[min(int(count), MANY)]
            line.append(shade * 2, style="green" if (row, column) in now else "white")
        lines.append(line)
    return lines


def _cells_now(look: Look) -> set[tuple[int, int]]:
    from slam.calibration.coverage import cells_of

    if look.view is None:
        return set()
    rows, columns = cells_of(look.view).nonzero()
    return set(zip(rows.tolist(), columns.tolist()))
