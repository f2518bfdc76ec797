"""Views from folders, image files and videos, and what was passed over on the way."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from slam.calibration.board import Board
from slam.calibration.detect import Detector, instead
from slam.calibration.settle import FEWEST_VIEWS, Dropped
from slam.calibration.view import View
from slam.errors import CalibrationError, SourceError
from slam.rig_file import rig_from_intrinsics
from slam.sources import open_source
from slam.sources.folder import SUFFIXES, image_files
from slam.sources.images import read_image
from slam.types import Uint8

VIDEO_STEP_NS = 200_000_000  # between frames of a video that are looked at: a hand moves little in less
PROBED_IMAGES = 3  # that are searched for another board when none shows the one that was named
UNKNOWN_CAMERA = rig_from_intrinsics((1.0, 1.0, 0.0, 0.0))  # of the size of the images, whatever it is

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Found:
    """What images show of the board."""

    views: list[View] = field(default_factory=list)
    passed: list[Dropped] = field(default_factory=list)  # images without it


def find_views(paths: Sequence[Path], board: Board, progress: Progress) -> Found:
    """The board in every image. Raises CalibrationError when hardly any shows it, SourceError without images."""
    detector, found, without = Detector(board), Found(), []
    total = count_images(paths)
    for done, (name, image) in enumerate(images_of(paths, found.passed), 1):
        view = detector.find(image, name)
        if view is not None:
            found.views.append(view)
        else:
            found.passed.append(Dropped(name, "the board was not found"))
            without.append(image)
            without = without[:PROBED_IMAGES]
        progress(done, max(done, total))
    if len(found.views) < FEWEST_VIEWS:
        raise CalibrationError(_hardly_found(board, len(found.views), len(found.passed), without))
    return found


def images_of(paths: Sequence[Path], passed: list[Dropped]) -> Iterator[tuple[str, Uint8]]:
    """Names and grey images; files that cannot be read are added to ``passed``."""
    several = len(paths) > 1
    for path in paths:
        if not path.exists():
            raise SourceError(f"{path}: does not exist; give a folder of images, images or a video")
        if path.is_dir() or path.suffix.lower() in SUFFIXES:
            for file in _files(path):
                yield from _image(file, f"{path.name}/{file.name}" if several and path.is_dir() else file.name, passed)
        else:
            yield from _video(path)


def count_images(paths: Sequence[Path]) -> int:
    """How many there are at most; 0 when videos leave it open."""
    if any(not path.is_dir() and path.suffix.lower() not in SUFFIXES for path in paths):
        return 0
    return sum(len(_files(path)) for path in paths)


def _files(path: Path) -> list[Path]:
    return image_files(path) if path.is_dir() else [path]


def _image(file: Path, name: str, passed: list[Dropped]) -> Iterator[tuple[str, Uint8]]:
    try:
        image = read_image(file)[0]
    except SourceError as error:
        passed.append(Dropped(name, f"cannot be read ({str(error).removeprefix(f'{file}: ')})"))
        return
    yield name, image


def _video(path: Path) -> Iterator[tuple[str, Uint8]]:
    due_ns = 0
    for frame in open_source("video", path, rig=UNKNOWN_CAMERA):
        if frame.stamp_ns >= due_ns:
            due_ns = frame.stamp_ns + VIDEO_STEP_NS
            yield f"{path.name} at {frame.stamp_ns * 1e-9:.2f} s", frame.image


def _hardly_found(board: Board, views: int, passed: int, without: list[Uint8]) -> str:
    counted = f"{views} of {views + passed}" if views else f"none of {passed}"
    hint = instead(board, without) or (
        f"calibrating takes {FEWEST_VIEWS} views at least, better 20; check --board and --squares, and that all of a "
        "chessboard is in the image with a white margin"
    )
    return f"the board ({board.name}) is seen in {counted} images; {hint}"


def find_pairs(paths: Sequence[Path], board: Board, progress: Progress) -> tuple[Found, Found]:
    """Views of both cameras, named alike where they belong together. Raises CalibrationError and SourceError.

    ``paths``: two folders with files of the same names, two videos that start together, or one folder in which the
    names tell left from right.
    """
    if len(paths) == 1:
        left_files, right_files = _halves(paths[0])
    elif len(paths) == 2:
        left_files, right_files = ([path] if not path.is_dir() else image_files(path) for path in paths)
    else:
        raise CalibrationError(f"stereo takes LEFT and RIGHT, or one folder that holds both, got {len(paths)} paths")
    left = find_views(left_files, board, progress)
    right = find_views(right_files, board, progress)
    return _named_by_pair(left), _named_by_pair(right)


def _halves(folder: Path) -> tuple[list[Path], list[Path]]:
    """Left and right images of one folder: in sub-folders, or by their names."""
    for names in (("left", "right"), ("cam0", "cam1"), ("image_0", "image_1"), ("0", "1")):
        sides = [folder / name for name in names]
        if all(side.is_dir() for side in sides):
            left, right = (side / "data" if (side / "data").is_dir() else side for side in sides)
            return image_files(left), image_files(right)
    files = image_files(folder)
    halves = tuple([file for file in files if _side(file.stem) == side] for side in ("left", "right"))
    if not all(halves):
        raise CalibrationError(
            f"{folder}: left and right cannot be told apart; name the files left01.png and right01.png, or put them "
            "into the folders left and right"
        )
    return halves[0], halves[1]


def _side(stem: str) -> str:
    match = re.search(r"left|right", stem.lower())
    return match[0] if match else ""


def _named_by_pair(found: Found) -> Found:
    """The same without what tells left from right: the names of a pair are equal."""
    views = [replace(view, name=_pair_name(view.name)) for view in found.views]
    return Found(views, [Dropped(_pair_name(item.name), item.reason) for item in found.passed])


def _pair_name(name: str) -> str:
    """The file's name without its ending and the word left or right; a video's frame by its time alone."""
    if " at " in name:
        return name.split(" at ", 1)[1]
    return re.sub(r"left|right", "", Path(name).stem, flags=re.IGNORECASE).strip("_-. ") or name
