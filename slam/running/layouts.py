"""How a recording lies on the disk: frames one after another, lossless, lists that grow with them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from slam.calibration.formats import euroc
from slam.camera import Rig
from slam.rig_file import write_rig
from slam.trajectory import Trajectory, seconds_text, write_tum
from slam.types import Frame, ImuSamples, Uint8

PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1]
CSV_HEADERS = {
    "cam": "#timestamp [ns],filename",
    "imu": "#timestamp [ns],w_RS_S_x [rad s^-1],w_RS_S_y [rad s^-1],w_RS_S_z [rad s^-1],"
    "a_RS_S_x [m s^-2],a_RS_S_y [m s^-2],a_RS_S_z [m s^-2]",
}


class TumLayout:
    """As slam/sources/recorded.py and tum.py read it: rgb/, depth/, right/ with their lists, imu.csv, rig.toml."""

    def __init__(self, folder: Path, rig: Rig, ground_truth: Trajectory | None) -> None:
        self._folder, self._depth_factor = folder, rig.depth_factor
        write_rig(rig, folder / "rig.toml")
        if ground_truth is not None:
            write_tum(folder / "groundtruth.txt", ground_truth)

    def write(self, frame: Frame) -> None:
        if frame.imu is not None:
            _append(self._folder / "imu.csv", _imu_lines(frame.imu))
        if frame.depth_m is not None:
            raw = np.rint(frame.depth_m * np.float32(self._depth_factor)).astype(np.uint16)
            self._image("depth", frame.stamp_ns, raw)
        if frame.right is not None:
            self._image("right", frame.stamp_ns, frame.right)
        self._image("rgb", frame.stamp_ns, _picture(frame))

    def _image(self, folder: str, stamp_ns: int, image: np.ndarray) -> None:
        (self._folder / folder).mkdir(exist_ok=True)
        name = f"{folder}/{stamp_ns}.png"
        _write_png(self._folder / name, image)
        _append(self._folder / f"{folder}.txt", [f"{seconds_text(stamp_ns)} {name}"])


class EurocLayout:
    """As slam/sources/euroc.py reads it: mav0 with cam0, cam1 and imu0, each with sensor.yaml and data.csv.

    In grey, without depth and ground truth. Raises CalibrationError for a lens that sensor.yaml has no place for.
    """

    def __init__(self, folder: Path, rig: Rig, ground_truth: Trajectory | None) -> None:
        self._mav = folder / "mav0"
        self._mav.mkdir()
        euroc.write(rig, self._mav)

    def write(self, frame: Frame) -> None:
        if frame.imu is not None:
            self._rows("imu0", "imu", _imu_lines(frame.imu))
        self._image("cam0", frame.stamp_ns, frame.image)
        if frame.right is not None:
            self._image("cam1", frame.stamp_ns, frame.right)

    def _image(self, camera: str, stamp_ns: int, image: Uint8) -> None:
        (self._mav / camera / "data").mkdir(parents=True, exist_ok=True)
        _write_png(self._mav / camera / "data" / f"{stamp_ns}.png", image)
        self._rows(camera, "cam", [f"{stamp_ns},{stamp_ns}.png"])

    def _rows(self, sensor: str, kind: str, lines: list[str]) -> None:
        path = self._mav / sensor / "data.csv"
        _append(path, lines if path.exists() else [CSV_HEADERS[kind], *lines])


# Each is made for a new folder, which exists, and then given every frame; both may raise OSError.
LAYOUTS: dict[str, type[TumLayout] | type[EurocLayout]] = {"tum": TumLayout, "euroc": EurocLayout}


def _imu_lines(imu: ImuSamples) -> list[str]:
    rows = np.column_stack([imu.gyro_rad_s, imu.accel_m_s2])
    return [",".join([str(s), *map(repr, row)]) for s, row in zip(imu.stamps_ns.tolist(), rows.tolist())]


def _write_png(path: Path, image: np.ndarray) -> None:
    _, data = cv2.imencode(".png", image, PNG)
    path.write_bytes(data.tobytes())


def _append(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in lines)


def _picture(frame: Frame) -> Uint8:
    """In colour where the grey image follows from it exactly, else in grey."""
    if frame.color is None:
        return frame.image
    bgr = cv2.cvtColor(frame.color, cv2.COLOR_RGB2BGR)
    return np.asarray(bgr if np.array_equal(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), frame.image) else frame.image)
