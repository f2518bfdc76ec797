"""What `slam bench long` renders, and the ways in which each recording is run."""

from __future__ import annotations

from dataclasses import dataclass

from slam.evaluation.bench_cases import BenchCase

ROUNDS = 3  # of the corridor
FPS = 25.0
ROOM_FPS = 12.5
FIRST_ROOM = 701  # seed; the vocabulary was trained on rooms 500 to 531
WITHOUT_LOOPS = ("--set", "loops.close=false")


@dataclass(frozen=True)
class Rendering:
    """A recording to be made."""

    name: str  # of its folder
    options: tuple[str, ...]  # of ``slam render``


@dataclass(frozen=True)
class LongCase:
    """One way of running a long recording, with loops and without."""

    name: str
    case: BenchCase

    def without_loops(self) -> BenchCase:
        return _case(f"{self.name} without loops", self.case, WITHOUT_LOOPS)

    def with_loops(self) -> BenchCase:
        return _case(f"{self.name} with loops", self.case, ())


def corridors(frames: int) -> tuple[Rendering, ...]:
    """The same walk, three rounds of a corridor, with a depth camera and as a stereo pair with an inertial unit."""
    walk = ("--scene", "circuit", "--loops", str(ROUNDS), "--fps", f"{FPS:g}", "--seconds", f"{frames / FPS:g}")
    options = (*walk, "--seed", "1")
    return Rendering("corridor_tum", options), Rendering("corridor_euroc", (*options, "--layout", "euroc"))


def rooms(count: int, seconds: float) -> tuple[Rendering, ...]:
    """Rooms that differ in everything, noise too."""
    walk = ("--seconds", f"{seconds:g}", "--fps", f"{ROOM_FPS:g}")
    seeds = range(FIRST_ROOM, FIRST_ROOM + count)
    return tuple(Rendering(f"room_{seed}", (*walk, "--layout", "both", "--seed", str(seed))) for seed in seeds)


LONG_CASES = (
    LongCase("RGB-D", BenchCase("", "tum", "corridor_tum", "rgbd", "se3")),
    LongCase("stereo", BenchCase("", "euroc", "corridor_euroc", "stereo", "se3", ("--set", "inertial.use=false"))),
    LongCase("mono", BenchCase("", "tum", "corridor_tum", "mono", "sim3")),
    LongCase("mono-inertial", BenchCase("", "euroc", "corridor_euroc", "mono", "se3")),
)
ROOM_MODES = ("rgbd", "stereo")  # those whose world is held exactly by its first frame


def room_case(room: Rendering, mode: str) -> BenchCase:
    """A room in one of ROOM_MODES."""
    name = f"{room.name} {mode}"
    if mode == "rgbd":
        return BenchCase(name, "tum", f"{room.name}/tum", "rgbd", "se3")
    return BenchCase(name, "euroc", f"{room.name}/euroc", mode, "se3", ("--set", "inertial.use=false"))


def _case(name: str, case: BenchCase, more: tuple[str, ...]) -> BenchCase:
    return BenchCase(name, case.source, case.path, case.mode, case.align, (*case.options, *more))
