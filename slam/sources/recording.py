"""A recording on disk: a list of moments, how they become frames. Bad frames are counted, bad recordings refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from slam.camera import Rig
from slam.errors import CalibrationError, SourceError
from slam.sources import Skip, SourceOptions
from slam.sources.images import read_depth, read_float_depth, read_image
from slam.sources.rectify import Rectifier
from slam.sources.stamps import rising, samples_between
from slam.trajectory import Trajectory, seconds_text
from slam.types import Float32, Float64, Frame, ImuSamples, Int64, Mode, Uint8

BEGINNING = 10  # frames looked at before a run starts


@dataclass(frozen=True, slots=True)
class Moment:
    """The files of one frame."""

    stamp_ns: int
    image: Path
    depth: Path | None = None
    right: Path | None = None
    depth_is_float: bool = False  # its PNG holds metres as floats (TartanAir)
    flaw: str = ""  # why it is of no use, "" when all is well


class Recording:
    """Frames of moments. Follows the Source protocol; the first frames are read when it is made."""

    is_live = False

    def __init__(
        self,
        name: str,
        path: Path,
        moments: Sequence[Moment],
        rig: Rig,
        mode: Mode,
        options: SourceOptions,
        ground_truth: Trajectory | None = None,
        imu: ImuSamples | None = None,
        rectifier: Rectifier | None = None,
    ) -> None:
        """Raises SourceError when the recording cannot be used, CalibrationError when the rig does not fit it.

        rig: of the frames handed out. A rig of width 0 takes the size of the images.
        rectifier: brings the images of both cameras to that rig; None leaves them as they are.
        """
        self.name = name
        self.path = path
        self.mode = mode
        self.rig = rig_of_mode(rig, mode, options.depth_factor)
        self.ground_truth = ground_truth
        self.skipped: list[Skip] = []
        self.notes: list[str] = []
        self._imu = imu
        self._rectifier = rectifier
        self._moments = _in_order(path, moments)[: options.max_frames]
        self._check_beginning()

    def __len__(self) -> int:
        return len(self._moments)

    def __iter__(self) -> Iterator[Frame]:
        self.skipped.clear()
        previous_ns = np.iinfo(np.int64).min
        for index, moment in enumerate(self._moments):
            frame = self._frame_or_skip(index, moment, previous_ns)
            if frame is not None:
                previous_ns = frame.stamp_ns
                yield frame

    def _frame_or_skip(self, index: int, moment: Moment, previous_ns: int) -> Frame | None:
        reason = moment.flaw
        if not reason:
            try:
                return self._frame(index, moment, previous_ns)
            except (SourceError, CalibrationError) as error:
                reason = str(error)
        self.skipped.append(Skip(index, moment.stamp_ns, reason))
        return None

    def _frame(self, index: int, moment: Moment, previous_ns: int) -> Frame:
        image, color = read_image(moment.image)
        self._check_size(moment.image, image)
        depth_m = self._depth(moment, image) if moment.depth else None
        right = self._right(moment) if moment.right else None
        if self._rectifier is not None and right is not None:
            color = None if color is None else self._rectifier.left(color)
            image, right = self._rectifier.left(image), self._rectifier.right(right)
        imu = None if self._imu is None else samples_between(self._imu, previous_ns, moment.stamp_ns)
        return Frame(index, moment.stamp_ns, image, color, depth_m, right, imu)

    def _depth(self, moment: Moment, image: Uint8) -> Float32:
        assert moment.depth is not None
        depth_m = read_float_depth(moment.depth) if moment.depth_is_float else read_depth(moment.depth, self.rig)
        if depth_m.shape != image.shape:
            raise SourceError(
                f"{moment.depth}: depth is {_size(depth_m)} but the image is {_size(image)}; "
                "give depth that is registered to the image and of its size"
            )
        return depth_m

    def _right(self, moment: Moment) -> Uint8:
        assert moment.right is not None
        right, _ = read_image(moment.right)
        self._check_size(moment.right, right)
        return right

    def _check_size(self, path: Path, image: Uint8) -> None:
        size = self.rig.left.image_size
        if (image.shape[1], image.shape[0]) != size:
            raise CalibrationError(
                f"{path}: the image is {_size(image)} but rig {self.rig.name} is for {size[0]}x{size[1]}; "
                "give the camera's own calibration with --rig or --intrinsics"
            )

    def _check_beginning(self) -> None:
        """The first usable frame must be right, and most of the first ones."""
        usable = [moment for moment in self._moments if not moment.flaw][:BEGINNING]
        if not usable:
            raise SourceError(f"{self.path}: no frame can be used; the first one: {self._moments[0].flaw}")
        height, width = read_image(usable[0].image)[0].shape
        self.rig = with_image_size(self.rig, (width, height))
        failures = []
        for moment in usable:
            try:
                self._frame(0, moment, moment.stamp_ns)
            except (SourceError, CalibrationError) as error:
                if moment is usable[0]:
                    raise
                failures.append(str(error))
        if 2 * len(failures) > len(usable):
            raise SourceError(f"{self.path}: {len(failures)} of the first {len(usable)} frames are bad; {failures[0]}")


def with_image_size(rig: Rig, image_size: tuple[int, int]) -> Rig:
    """The rig; one made from bare intrinsics (width 0) gets this width and height."""
    if rig.left.width:
        return rig
    width, height = image_size
    return replace(rig, left=replace(rig.left, width=width, height=height))


def choose_mode(name: str, asked: Mode | None, possible: Sequence[Mode], path: Path) -> Mode:
    """The mode asked for, or the richest the recording has (the first of ``possible``). Raises SourceError."""
    if asked is None:
        return possible[0]
    if asked not in possible:
        have = " or ".join(mode.value for mode in possible)
        raise SourceError(f"{path}: a {name} recording without what mode {asked.value} needs; use --mode {have}")
    return asked


def rig_of_mode(rig: Rig, mode: Mode, depth_factor: float | None) -> Rig:
    """The rig without a right camera that is not asked for, with the user's depth factor. Raises CalibrationError."""
    if mode is not Mode.STEREO:
        rig = replace(rig, right=None, T_left_right=None)
    if depth_factor is None:
        return rig
    if not depth_factor > 0:
        raise CalibrationError(f"--depth-factor {depth_factor:g}: must be positive, raw depth units per metre")
    return replace(rig, depth_factor=depth_factor)


def _in_order(path: Path, moments: Sequence[Moment]) -> list[Moment]:
    """The moments, those whose stamps do not rise with the others' marked as flawed."""
    if not moments:
        raise SourceError(f"{path}: the recording lists no image; check that it was copied completely")
    kept = rising([moment.stamp_ns for moment in moments])
    disordered = kept.count(False)
    if 2 * disordered > len(moments):
        raise SourceError(
            f"{path}: {disordered} of {len(moments)} stamps jump back or repeat; "
            "sort the list by time and remove repeated lines"
        )
    latest_ns, ordered = -1, []
    for moment, is_kept in zip(moments, kept):
        if is_kept:
            latest_ns = moment.stamp_ns
        ordered.append(moment if is_kept else replace(moment, flaw=_disorder(moment, latest_ns)))
    return ordered


def _disorder(moment: Moment, latest_ns: int) -> str:
    what = "repeats" if moment.stamp_ns == latest_ns else "jumps back" if moment.stamp_ns < latest_ns else "jumps ahead"
    return f"{moment.image}: the stamp {what} ({seconds_text(moment.stamp_ns)} s)"


def _size(image: Uint8 | Float32 | Float64 | Int64) -> str:
    return f"{image.shape[1]}x{image.shape[0]}"
