"""Calls of the command line: in this process, or as the user's shell does it; and short recordings to call it on."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import slam.cli
from slam.data_files import data_dir


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


def start(cwd, *args):
    """``slam args`` in a process group of its own, as a shell does it, on a machine without a display."""
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "COLUMNS")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    return subprocess.Popen(
        [sys.executable, "-m", "slam", *map(str, args)],
        cwd=cwd,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def answer(process, timeout_s=120):
    try:
        out, err = process.communicate(timeout=timeout_s)
    finally:
        process.kill()
    return Answer(process.returncode, out, err)


def typed(cwd, *args):
    """``slam args`` from its start to its end."""
    return answer(start(cwd, *args))


def called(monkeypatch, capsys, *args):
    """``slam args`` in this process: seconds faster than a new one."""
    monkeypatch.setattr(sys, "argv", ["slam", *map(str, args)])
    capsys.readouterr()
    code = 0
    try:
        slam.cli.main()
    except SystemExit as ending:
        code = ending.code or 0
    said = capsys.readouterr()
    return Answer(code, said.out, said.err)


def short_recording(folder: Path, frames: int) -> Path:
    """The first frames of the demo, TUM layout; the images are links, and a test may replace them."""
    demo = data_dir("datasets") / "demo" / "tum"
    for name in ("rgb", "depth", "groundtruth"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        lines = (demo / f"{name}.txt").read_text().splitlines(keepends=True)[: frames + 1]
        (folder / f"{name}.txt").write_text("".join(lines))
        for image in [line.split()[1] for line in lines[1:] if name != "groundtruth"]:
            (folder / image).symlink_to(demo / image)
    (folder / "rig.toml").write_text((demo / "rig.toml").read_text())
    return folder


def replace_image(folder: Path, index: int, data: bytes, kind: str = "rgb") -> None:
    """Other bytes in place of one image."""
    path = sorted((folder / kind).iterdir())[index]
    path.unlink()
    path.write_bytes(data)
