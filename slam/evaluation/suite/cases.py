"""Which sequences a suite has, and the ways in which each is run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from slam.errors import ConfigError
from slam.evaluation.bench_cases import CASES
from slam.evaluation.suite.records import SuiteCase
from slam.evaluation.suite.rendered import rendered_cases

VISION_ONLY = ("--set", "inertial.use=false")
TUM_FR1 = ("360", "desk", "desk2", "floor", "plant", "room", "rpy", "teddy", "xyz")
EUROC = (
    *("MH_01_easy", "MH_02_easy", "MH_03_medium", "MH_04_difficult", "MH_05_difficult"),
    *("V1_01_easy", "V1_02_medium", "V1_03_difficult", "V2_01_easy", "V2_02_medium", "V2_03_difficult"),
)


@dataclass(frozen=True)
class Way:
    """One way of running a sequence: its name, mode, alignment, and what follows on the command line."""

    name: str
    mode: str
    align: str
    options: tuple[str, ...] = ()


MONO = Way("mono", "mono", "sim3", VISION_ONLY)
STEREO = Way("stereo", "stereo", "se3", VISION_ONLY)
MONO_INERTIAL = Way("mono-inertial", "mono", "se3")
RGBD = Way("rgbd", "rgbd", "se3")


def suite_cases(suite: str, data: Path) -> list[SuiteCase]:
    """The cases of a suite by its name, or of every recording in a folder. Raises ConfigError.

    Paths are absolute, or below ``data``; whether they exist is not looked at, except in a folder of one's own.
    """
    if suite in SUITES:
        return SUITES[suite]()
    if Path(suite).is_dir():
        return folder_cases(Path(suite))
    known = ", ".join(SUITES)
    raise ConfigError(f"suite '{suite}': is neither a folder with recordings nor one of {known}; choose one of them")


def folder_cases(folder: Path) -> list[SuiteCase]:
    """Every recording in a folder or below it, in all the modes it allows. Raises ConfigError when there is none."""
    found = [case for place in [folder, *sorted(folder.rglob("*"))] if place.is_dir() for case in _cases_of(place)]
    if not found:
        raise ConfigError(
            f"{folder}: holds no recording; TUM's have rgb.txt, EuRoC's mav0, KITTI's calib.txt and image_0"
        )
    names = [place.relative_to(folder).as_posix() for place in (Path(case.path) for case in found)]
    return [
        replace(case, name=f"{name} {case.name}".removeprefix(". "), path=str(Path(case.path).resolve()))
        for name, case in zip(names, found)
    ]


def _cases_of(place: Path) -> list[SuiteCase]:
    known = [case for case in CASES if case.path and Path(case.path).name == place.name]
    if known:  # an excerpt whose rig and modes are known
        return [
            SuiteCase(
                case.name.partition(" ")[2] or case.mode,
                "",
                place.name,
                case.source,
                str(place),
                case.mode,
                case.align,
                case.options,
            )
            for case in known
        ]
    source, ways = _layout(place)
    rig = ("--rig", str((place / "rig.toml").resolve())) if (place / "rig.toml").exists() else ()
    return [
        SuiteCase(way.name, "", place.name, source, str(place), way.mode, way.align, (*rig, *way.options))
        for way in ways
    ]


def _layout(place: Path) -> tuple[str, tuple[Way, ...]]:
    """The source that reads a folder, and the ways of running it; none where it is no recording."""
    if (place / "mav0" / "cam0").is_dir():
        inertial = (MONO_INERTIAL,) if (place / "mav0" / "imu0").is_dir() else ()
        stereo = (STEREO,) if (place / "mav0" / "cam1").is_dir() else ()
        return "euroc", (*stereo, MONO, *inertial)
    if (place / "rgb.txt").exists():
        return "tum", ((RGBD, MONO) if (place / "depth.txt").exists() else (MONO,))
    if (place / "calib.txt").exists() and (place / "image_0").is_dir():
        return "kitti", ((STEREO, MONO) if (place / "image_1").is_dir() else (MONO,))
    return "", ()


def _tum(names: tuple[tuple[int, str], ...], ways: tuple[Way, ...]) -> list[SuiteCase]:
    return [
        _case(way, "tum", f"freiburg{number}_{name}", "tum", ("--rig", f"tum_fr{number}"))
        for number, name in names
        for way in ways
    ]


def _case(way: Way, dataset: str, sequence: str, source: str, options: tuple[str, ...] = ()) -> SuiteCase:
    name, path = f"{sequence} {way.name}", f"{dataset}/{sequence}"
    return SuiteCase(name, dataset, sequence, source, path, way.mode, way.align, (*options, *way.options))


SUITES = {
    "tum-fr1": lambda: _tum(tuple((1, name) for name in TUM_FR1), (RGBD, MONO)),
    "tum-rgbd3": lambda: _tum(((1, "desk"), (2, "xyz"), (3, "long_office_household")), (RGBD,)),
    "euroc": lambda: [_case(way, "euroc", name, "euroc") for name in EUROC for way in (STEREO, MONO, MONO_INERTIAL)],
    "kitti": lambda: [_case(STEREO, "kitti", f"{number:02d}", "kitti") for number in range(11)],
    "rendered": rendered_cases,
}
