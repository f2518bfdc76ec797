"""Calls of the command line: in this process, or as the user's shell does it; and short recordings to call it on."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

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
        preexec_fn=_hear_ctrl_c,
    )


def _hear_ctrl_c():
    """A shell makes its background jobs deaf to Ctrl-C, and their children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def answer(process, timeout_s=120):
    try:
        out, err = process.communicate(timeout=timeout_s)
    finally:
        process.kill()
    return Answer(process.returncode, out, err)


def typed(cwd, *args):
    """``slam args`` from its start to its end."""
    return answer(start(cwd, *args))


def called_in(cwd, *args):
    """``slam args`` in this process and a folder, for fixtures that serve many tests."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.chdir(cwd)
        code = _exit_code(patch, args)
    return Answer(code, out.getvalue(), err.getvalue())


def called(monkeypatch, capsys, *args):
    """``slam args`` in this process: seconds faster than a new one."""
    capsys.readouterr()
    code = _exit_code(monkeypatch, args)
    said = capsys.readouterr()
    return Answer(code, said.out, said.err)


def _exit_code(patch, args):
    patch.setattr(sys, "argv", ["slam", *map(str, args)])
    try:
        slam.cli.main()
    except SystemExit as ending:
        return ending.code or 0
    return 0


def short_recording(folder: Path, frames: int, first: int = 0) -> Path:
    """So many frames of the demo, TUM layout; the images are links, and a test may replace them."""
    demo = data_dir("datasets") / "demo" / "tum"
    for name in ("rgb", "depth", "groundtruth"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        header, *rows = (demo / f"{name}.txt").read_text().splitlines(keepends=True)
        lines = [header, *rows[first : first + frames]]
        (folder / f"{name}.txt").write_text("".join(lines))
        for image in [line.split()[1] for line in lines[1:] if name != "groundtruth"]:
            (folder / image).symlink_to(demo / image)
    (folder / "rig.toml").write_text((demo / "rig.toml").read_text())
    return folder


def kidnapped_recording(folder: Path, frames: Sequence[int | None]) -> Path:
    """These frames of the demo, in this order and at 30 Hz; black ones in place of None."""
    demo = data_dir("datasets") / "demo" / "tum"
    folder.mkdir(parents=True)
    for name, kind in (("rgb", np.uint8), ("depth", np.uint16)):
        cv2.imwrite(str(folder / f"{name}.png"), np.zeros((480, 640), kind))
    for name in ("rgb", "depth", "groundtruth"):
        header, *rows = (demo / f"{name}.txt").read_text().splitlines(keepends=True)
        lines = []
        for i, frame in enumerate(frames):
            said = rows[frame or 0].split(" ", 1)[1]
            where = said if name == "groundtruth" else f"{demo / said}" if frame is not None else f"{name}.png\n"
            lines.append(f"{1 + i / 30:.6f} {where}")
        (folder / f"{name}.txt").write_text("".join([header, *lines]))
    (folder / "rig.toml").write_text((demo / "rig.toml").read_text())
    return folder


def replace_image(folder: Path, index: int, data: bytes, kind: str = "rgb") -> None:
    """Other bytes in place of one image."""
    path = sorted((folder / kind).iterdir())[index]
    path.unlink()
    path.write_bytes(data)
