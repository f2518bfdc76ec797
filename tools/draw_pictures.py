"""Draws the pictures of the README from a run of the demo: python tools/draw_pictures.py."""

import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def main() -> None:
    DOCS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [
            sys.executable,
            "-m",
            "slam",
            "run",
            "demo",
            "--out",
            str(out),
            "--screenshot",
            str(DOCS / "demo.png"),
        ]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
