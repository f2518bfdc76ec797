"""Records any source as a RealSense would: python tools/record_realsense_file.py NAME OUT.db3 [PATH] [--mode M].

The frames go through a software device of the SDK into its recorder, so that the file is the SDK's own. Traps: each
sensor needs ``actual_fps`` in its metadata, or the SDK pairs nothing; a software frame's data is freed with it, so
each is sent once; the recorder throws away what waits for the disk above 250 MB; and the file is complete only when
nothing holds the recorder any more. The place of the IMU is not kept by the SDK for software devices.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
import pyrealsense2 as rs

from slam.camera import Camera
from slam.geometry import invert
from slam.sources import Source, open_source
from slam.types import Frame, ImuSamples, Mode

BYTES_PER_S = 40e6  # that the recorder is given: it must be able to compress and write so much
DEPTH, INFRARED, COLOR, GYRO, ACCEL = (
    *(rs.stream.depth, rs.stream.infrared, rs.stream.color),
    *(rs.stream.gyro, rs.stream.accel),
)
FORMATS = {DEPTH: rs.format.z16, INFRARED: rs.format.y8}
BYTES = {rs.format.z16: 2, rs.format.y8: 1, rs.format.rgb8: 3, rs.format.bgr8: 3, rs.format.yuyv: 2}  # per pixel


class SoftwareCamera:
    """A device of the SDK that gives what it is fed: depth and colour, or infra-red stereo, and perhaps an IMU."""

    def __init__(
        self,
        source: Source,
        fps: int,
        imu_hz: int = 0,
        color_format: rs.format = rs.format.rgb8,
        imu_intrinsic: rs.motion_device_intrinsic | None = None,
    ) -> None:
        self.device, self.rig, self.fps, self._color_format = rs.software_device(), source.rig, fps, color_format
        self.domain = rs.timestamp_domain.global_time
        self.device.register_info(rs.camera_info.name, "Software D4xx")
        self.device.register_info(rs.camera_info.serial_number, "000000000042")
        self.sensors: dict[str, rs.software_sensor] = {}
        self.profiles: dict[tuple[rs.stream, int], rs.stream_profile] = {}
        if source.mode is Mode.STEREO:
            self._add_stereo()
        else:
            self._add_color(with_depth=source.mode is Mode.RGBD)
        if imu_hz:
            self._add_imu(imu_hz, imu_intrinsic)

    def send(self, frame: Frame, index: int) -> int:
        """Hand over the IMU samples up to a frame, then its images. Answers how many bytes."""
        if frame.imu is not None and (GYRO, 0) in self.profiles:
            self.send_imu(frame.imu)
        pictures = self._pictures(frame)
        for key, pixels in pictures.items():
            self.send_image(key, pixels, frame.stamp_ns, index)
        return sum(pixels.nbytes for pixels in pictures.values())

    def send_image(self, key: tuple[rs.stream, int], pixels: np.ndarray, stamp_ns: int, index: int) -> None:
        sensor = self.sensors["RGB Camera" if key[0] == COLOR else "Stereo Module"]
        image = rs.software_video_frame()
        image.pixels = np.ascontiguousarray(pixels)
        image.stride = pixels.nbytes // pixels.shape[0]
        image.bpp = image.stride // pixels.shape[1]
        image.timestamp, image.frame_number = stamp_ns / 1e6, index
        image.domain = self.domain
        image.profile = self.profiles[key].as_video_stream_profile()
        if key[0] == DEPTH:
            image.depth_units = 1.0 / self.rig.depth_factor
        sensor.set_metadata(rs.frame_metadata_value.actual_fps, 1000 * self.fps)
        sensor.on_video_frame(image)

    def send_imu(self, samples: ImuSamples) -> None:
        for i, stamp_ns in enumerate(samples.stamps_ns.tolist()):
            self.send_motion(GYRO, stamp_ns, samples.gyro_rad_s[i])
            self.send_motion(ACCEL, stamp_ns, samples.accel_m_s2[i])

    def send_motion(self, stream: rs.stream, stamp_ns: int, value: np.ndarray) -> None:
        motion, vector = rs.software_motion_frame(), rs.vector()
        vector.x, vector.y, vector.z = map(float, value)
        motion.data, motion.timestamp = vector, stamp_ns / 1e6
        motion.domain = self.domain
        motion.profile = self.profiles[stream, 0].as_motion_stream_profile()
        self.sensors["Motion Module"].on_motion_frame(motion)

    def _pictures(self, frame: Frame) -> dict[tuple[rs.stream, int], np.ndarray]:
        if frame.right is not None:
            return {(INFRARED, 1): frame.image, (INFRARED, 2): frame.right}
        color = frame.color if frame.color is not None else np.repeat(frame.image[:, :, None], 3, axis=2)
        if frame.depth_m is None:
            return {(COLOR, 0): color}
        raw = np.rint(frame.depth_m * np.float32(self.rig.depth_factor)).astype(np.uint16)
        return {(DEPTH, 0): raw, (COLOR, 0): color}

    def _add_color(self, with_depth: bool) -> None:
        if with_depth:
            self._add_video("Stereo Module", DEPTH, 0, self.rig.left)
            stereo = self.sensors["Stereo Module"]
            stereo.add_read_only_option(rs.option.depth_units, 1.0 / self.rig.depth_factor)
            stereo.add_read_only_option(rs.option.stereo_baseline, 1000.0 * self.rig.depth_baseline_m)
        self._add_video("RGB Camera", COLOR, 0, self.rig.left)
        if with_depth:
            self.place((DEPTH, 0), (COLOR, 0), np.eye(4))

    def _add_stereo(self) -> None:
        self._add_video("Stereo Module", INFRARED, 1, self.rig.left)
        self._add_video("Stereo Module", INFRARED, 2, self.rig.right)
        self.place((INFRARED, 1), (INFRARED, 2), invert(self.rig.T_left_right))

    def _add_imu(self, imu_hz: int, intrinsic: rs.motion_device_intrinsic | None) -> None:
        self.sensors["Motion Module"] = self.device.add_sensor("Motion Module")
        for uid, stream in ((10, GYRO), (11, ACCEL)):
            motion = rs.motion_stream()
            motion.type, motion.index, motion.uid, motion.fps = stream, 0, uid, imu_hz
            motion.fmt = rs.format.motion_xyz32f
            if intrinsic is not None:
                motion.intrinsics = intrinsic
            self.profiles[stream, 0] = self.sensors["Motion Module"].add_motion_stream(motion)

    def place(self, a: tuple[rs.stream, int], b: tuple[rs.stream, int], T_b_a: np.ndarray) -> None:
        """Tell the SDK where two streams are; its rotations go column by column."""
        extrinsics = rs.extrinsics()
        extrinsics.rotation = T_b_a[:3, :3].T.ravel().tolist()
        extrinsics.translation = T_b_a[:3, 3].tolist()
        self.profiles[a].register_extrinsics_to(self.profiles[b], extrinsics)

    def _add_video(self, name: str, stream: rs.stream, index: int, camera: Camera) -> None:
        if name not in self.sensors:
            self.sensors[name] = self.device.add_sensor(name)
        video = rs.video_stream()
        video.type, video.index, video.uid = stream, index, len(self.profiles) + 1
        video.width, video.height, video.fps = camera.width, camera.height, self.fps
        video.fmt = self._color_format if stream == COLOR else FORMATS[stream]
        video.bpp = BYTES.get(video.fmt, 4)
        video.intrinsics = intrinsics_of(camera)
        self.profiles[stream, index] = self.sensors[name].add_video_stream(video)


def intrinsics_of(camera: Camera) -> rs.intrinsics:
    """The SDK's words for a radtan camera: Brown-Conrady, k1, k2, p1, p2, k3 as in OpenCV."""
    found = rs.intrinsics()
    found.width, found.height = camera.width, camera.height
    found.fx, found.fy, found.ppx, found.ppy = camera.fx, camera.fy, camera.cx, camera.cy
    found.model = rs.distortion.brown_conrady
    found.coeffs = [*camera.distortion, *[0.0] * 5][:5]
    return found


def write_realsense_file(source: Source, path: Path, on_frame: Callable[[int], None] = lambda done: None) -> int:
    """Record every frame of a source into a .db3 file. Answers how many frames were recorded."""
    beginning = list(islice(source, 2))
    fps = round(1e9 / (beginning[1].stamp_ns - beginning[0].stamp_ns)) if len(beginning) > 1 else 30
    camera = SoftwareCamera(source, fps, _imu_hz(beginning))
    done, start_s, sent = 0, time.monotonic(), 0
    with recorded_by(camera, path):
        for done, frame in enumerate(source, 1):
            sent += camera.send(frame, done - 1)
            time.sleep(max(0.0, sent / BYTES_PER_S - (time.monotonic() - start_s)))
            on_frame(done)
    return done


@contextmanager
def recorded_by(camera: SoftwareCamera, path: Path) -> Iterator[None]:
    """What a software camera is fed inside the block is in the file after it."""
    recorder = rs.recorder(str(path), camera.device)
    sensors = list(recorder.query_sensors())
    for sensor in sensors:
        sensor.open(sensor.get_stream_profiles())
        sensor.start(lambda frame: None)
    try:
        yield
    finally:
        while sensors:
            sensors[-1].stop()
            sensors.pop().close()
        del sensor, recorder  # whoever holds the recorder last completes the file


def _imu_hz(beginning: Sequence[Frame]) -> int:
    """Rate of the samples between two frames, 0 when there are none."""
    imu = beginning[-1].imu
    if imu is None or len(imu.stamps_ns) < 2:
        return 0
    return round(1e9 / float(np.median(np.diff(imu.stamps_ns))))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("name", help="of a source: demo, tum, euroc, ...")
    arguments.add_argument("out", type=Path, help="file to write, .db3")
    arguments.add_argument("path", nargs="?", type=Path, help="of the source")
    arguments.add_argument("--mode", type=Mode, help="rgbd, stereo or mono")
    asked = arguments.parse_args()
    source = open_source(asked.name, asked.path, mode=asked.mode)
    written = write_realsense_file(source, asked.out, lambda done: print(f"\r{done}/{len(source)}", end=""))
    readable = sum(1 for _ in open_source("realsense", asked.out, mode=source.mode))
    print(f"\n{asked.out}: {written} frames recorded, {readable} of them can be played")


if __name__ == "__main__":
    main()
