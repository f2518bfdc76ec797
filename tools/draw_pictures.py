"""Draws the pictures of the README from runs of the demo: python tools/draw_pictures.py."""

import io
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from slam.dashboard import Dashboard
from slam.running.options import RunOptions
from slam.running.run import run
from slam.terminal import svg_text

DOCS = Path(__file__).parents[1] / "docs"
AT_FRAME = 120  # of the demo's 150
WIDTH = 92  # characters of a terminal


def main() -> None:
    DOCS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        draw_viewer(Path(folder) / "viewer")
        draw_dashboard(Path(folder) / "dashboard")
    draw_doctor()


def draw_viewer(out: Path) -> None:
    command = [sys.executable, "-m", "slam", "run", "demo", "--out", str(out), "--screenshot", str(DOCS / "demo.png")]
    subprocess.run(command, check=True)


def draw_doctor() -> None:
    command = [sys.executable, "-m", "slam", "doctor", "demo", "--mode", "stereo"]
    subprocess.run([*command, "--picture", str(DOCS / "doctor.svg")], check=True)


def draw_dashboard(out: Path) -> None:
    """The dashboard as it stands at AT_FRAME of the demo in real time."""
    dashboard = Dashboard(Console(file=io.StringIO(), width=WIDTH), "slam run demo --realtime")
    states = []
    run(RunOptions("demo", viewer="none", realtime=True, out=out), states.append)
    for state in states:
        if state.record.index <= AT_FRAME:
            dashboard.update(state)
    console = Console(record=True, width=WIDTH, force_terminal=True, file=io.StringIO())
    console.print(dashboard)
    (DOCS / "dashboard.svg").write_text(svg_text(console, "slam run demo --realtime"))


if __name__ == "__main__":
    main()
