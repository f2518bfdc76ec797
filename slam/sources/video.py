"""A video file of one camera, with the stamps of its container."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from slam.camera import Rig
from slam.errors import CalibrationError, SourceError
from slam.sources import Skip, SourceOptions
from slam.sources.folder import single_camera_rig
from slam.sources.images import split_bgr
from slam.sources.recording import choose_mode, with_image_size
from slam.types import Frame, Mode


def open_video(path: Path, options: SourceOptions) -> VideoSource:
    """A video that OpenCV's FFmpeg can read. Raises SourceError and CalibrationError."""
    mode = choose_mode("video", options.mode, [Mode.MONO], path)
    return VideoSource(path, single_camera_rig(path, options), mode, options.max_frames)


class VideoSource:
    """Frames of a video. Follows the Source protocol; the length is what the container claims."""

    name = "video"
    ground_truth = None
    is_live = False

    def __init__(self, path: Path, rig: Rig, mode: Mode, max_frames: int | None) -> None:
        self.path = path
        self.mode = mode
        self.skipped: list[Skip] = []
        self.notes: list[str] = []
        first = next(self._images(), None)
        if first is None:
            raise SourceError(f"{path}: is not a video that can be read; convert it, for example to mp4")
        height, width = first[1].shape[:2]
        self.rig = with_image_size(rig, (width, height))
        if self.rig.left.image_size != (width, height):
            size = "x".join(map(str, self.rig.left.image_size))
            raise CalibrationError(
                f"{path}: the video is {width}x{height} but rig {rig.name} is for {size}; "
                "give the camera's own calibration with --rig or --intrinsics"
            )
        self._length = self._claimed_length()
        self._max_frames = max_frames
        if max_frames is not None:
            self._length = min(self._length, max_frames)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Frame]:
        self.skipped.clear()
        previous_ns = -1
        for index, (stamp_ns, image) in enumerate(self._images()):
            if index == self._max_frames:
                return
            if stamp_ns <= previous_ns:
                reason = f"{self.path}: the stamp of frame {index} does not come after the one before it"
                self.skipped.append(Skip(index, stamp_ns, reason))
                continue
            previous_ns = stamp_ns
            grey, color = split_bgr(image)
            yield Frame(index, stamp_ns, grey, color)

    def _images(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Stamps and BGR images; the video is closed when the reader stops."""
        capture = cv2.VideoCapture(str(self.path), cv2.CAP_FFMPEG)
        try:
            while capture.grab():
                stamp_ns = round(capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
                readable, image = capture.retrieve()
                if not readable:
                    return
                yield stamp_ns, np.asarray(image, np.uint8)
        finally:
            capture.release()

    def _claimed_length(self) -> int:
        capture = cv2.VideoCapture(str(self.path), cv2.CAP_FFMPEG)
        try:
            return max(1, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        finally:
            capture.release()
