"""The suite that anybody can run: ten rendered recordings, which differ in room, motion, light and noise."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from slam.errors import SlamError
from slam.evaluation.suite.records import SuiteCase

FIRST_SEED = 901  # no network was trained on rooms from here on
MOTIONS = ("handheld", "orbit", "forward", "handheld", "handheld")
LIGHTS = ("day", "day", "day", "dim", "lamp")
ROOMS = tuple(f"room_{FIRST_SEED + i}" for i in range(10))
WAYS = (("rgbd", "se3", "tum", ()), ("mono", "sim3", "tum", ()), ("stereo", "se3", "euroc", ("inertial.use=false",)))
SECONDS, FPS = 8.0, 25.0


def rendered_cases() -> list[SuiteCase]:
    """Every room as RGB-D, monocular and stereo."""
    return [
        SuiteCase(
            f"{room} {mode}", "rendered", room, layout, f"rendered/{room}/{layout}", mode, align,
            tuple(word for setting in settings for word in ("--set", setting)),
        )
        for room in ROOMS
        for mode, align, layout, settings in WAYS
    ]  # fmt: skip


def render_missing(room: str, folder: Path, processes: int, say: Callable[[str], object]) -> None:
    """Render a room into ``folder`` unless it is there, whole or not at all. Raises SlamError."""
    if folder.exists():
        return
    say(f"rendering {room}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = folder.with_name(f"{folder.name}.unfinished-{time.time_ns()}")
    words = [
        sys.executable,
        "-m",
        "slam",
        "render",
        str(unfinished),
        *room_options(room),
        "--processes",
        str(processes),
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        why = (done.stderr.strip() or "no message").splitlines()[-1].removeprefix("error: ")
        raise SlamError(f"rendering {room}: {why}")
    unfinished.rename(folder)


def room_options(room: str) -> tuple[str, ...]:
    """What follows ``slam render FOLDER``; repeated chairs in every fifth room."""
    number = ROOMS.index(room)
    repeated = ("--repeated-furniture",) if number % 5 == 4 else ()
    return (
        *("--layout", "both", "--seconds", f"{SECONDS:g}", "--fps", f"{FPS:g}", "--seed", room.removeprefix("room_")),
        *("--motion", MOTIONS[number % 5], "--lighting", LIGHTS[number % 5], "--noise", f"{1 + number % 2}", *repeated),
    )
