"""Which streams of a RealSense device are opened: by mode, size and rate on a camera, whatever there is in a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyrealsense2 as rs

from slam.errors import SourceError
from slam.sources.camera_options import CameraOptions
from slam.types import Mode

Key = tuple[rs.stream, int]  # kind and number of a stream
LEFT, RIGHT = (rs.stream.infrared, 1), (rs.stream.infrared, 2)
DEPTH, COLOR = (rs.stream.depth, 0), (rs.stream.color, 0)
GYRO, ACCEL = (rs.stream.gyro, 0), (rs.stream.accel, 0)
NAMES = {
    LEFT: "left infra-red",
    RIGHT: "right infra-red",
    DEPTH: "depth",
    COLOR: "colour",
    GYRO: "gyro",
    ACCEL: "accel",
}
FORMATS = {  # that can be read, the best first
    COLOR: (rs.format.rgb8, rs.format.bgr8, rs.format.rgba8, rs.format.bgra8, rs.format.yuyv, rs.format.y8),
    DEPTH: (rs.format.z16,),
    LEFT: (rs.format.y8,),
    RIGHT: (rs.format.y8,),
}
NEEDED = {Mode.RGBD: (COLOR, DEPTH), Mode.STEREO: (LEFT, RIGHT), Mode.MONO: (COLOR,)}
USUAL = CameraOptions(width=640, height=480, fps=30.0)  # what a camera is asked for without other wishes
GYRO_HZ, ACCEL_HZ = 200, 250  # the D4xx have 200 and 400, and 63 or 100 and 200 or 250


@dataclass(frozen=True, slots=True, eq=False)
class Streams:
    """What is opened: ``image`` becomes Frame.image, ``partner`` is the depth or the right image of the same moment."""

    image: rs.video_stream_profile
    partner: rs.video_stream_profile | None  # None in mono
    gyro: rs.motion_stream_profile | None
    accel: rs.motion_stream_profile | None  # both or none
    sensors: tuple[tuple[rs.sensor, tuple[rs.stream_profile, ...]], ...]  # what to open where

    @property
    def has_imu(self) -> bool:
        return self.gyro is not None


def possible_modes(device: rs.device) -> list[Mode]:
    """The modes that the streams of a device allow, the richest first."""
    there = {key_of(profile) for profile in _profiles(device)}
    modes = [mode for mode, keys in NEEDED.items() if there.issuperset(keys)]
    return [*modes, Mode.MONO] if LEFT in there and Mode.MONO not in modes else modes


def chosen_streams(device: rs.device, mode: Mode, wanted: CameraOptions, name: str) -> Streams:
    """The streams of one of the possible modes. Raises SourceError when none has the size and rate that are wanted."""
    there = _profiles(device)
    keys = NEEDED[mode]
    if mode is Mode.MONO and COLOR not in map(key_of, there):
        keys = (LEFT,)
    image, *rest = [_video(there, key, wanted, name) for key in keys]
    gyro, accel = _motion(there, GYRO, GYRO_HZ), _motion(there, ACCEL, ACCEL_HZ)
    if gyro is None or accel is None:
        gyro = accel = None
    opened = [profile for profile in (image, *rest, gyro, accel) if profile is not None]
    return Streams(image, rest[0] if rest else None, gyro, accel, _by_sensor(device, opened))


def key_of(profile: rs.stream_profile) -> Key:
    return profile.stream_type(), profile.stream_index()


def _profiles(device: rs.device) -> list[rs.stream_profile]:
    return [profile for sensor in device.query_sensors() for profile in sensor.get_stream_profiles()]


def _video(there: Sequence[rs.stream_profile], key: Key, wanted: CameraOptions, name: str) -> rs.video_stream_profile:
    of_key = [profile.as_video_stream_profile() for profile in there if key_of(profile) == key]
    readable = [profile for profile in of_key if profile.format() in FORMATS[key]]
    if not readable:
        formats = ", ".join(sorted({profile.format().name for profile in of_key}))
        raise SourceError(f"{name}: its {NAMES[key]} images are {formats}, which cannot be read; record them as RGB8")
    fitting = [profile for profile in readable if _fits(profile, wanted)]
    if not fitting:
        have = ", ".join(sorted({_shape(profile) for profile in readable}))
        raise SourceError(
            f"{name}: gives no {NAMES[key]} images of {wanted.width}x{wanted.height} at {wanted.fps:g} Hz; "
            f"choose with --width, --height and --camera-fps among {have}"
        )
    return min(fitting, key=lambda profile: FORMATS[key].index(profile.format()))


def _fits(profile: rs.video_stream_profile, wanted: CameraOptions) -> bool:
    wishes = ((wanted.width, profile.width()), (wanted.height, profile.height()), (wanted.fps, profile.fps()))
    return all(wish is None or wish == given for wish, given in wishes)


def _shape(profile: rs.video_stream_profile) -> str:
    return f"{profile.width()}x{profile.height()} at {profile.fps()} Hz"


def _motion(there: Sequence[rs.stream_profile], key: Key, rate_hz: int) -> rs.motion_stream_profile | None:
    """The stream whose rate is nearest."""
    of_key = [profile for profile in there if key_of(profile) == key]
    if not of_key:
        return None
    return min(of_key, key=lambda profile: abs(profile.fps() - rate_hz)).as_motion_stream_profile()


def _by_sensor(
    device: rs.device, opened: Sequence[rs.stream_profile]
) -> tuple[tuple[rs.sensor, tuple[rs.stream_profile, ...]], ...]:
    sensors = []
    for sensor in device.query_sensors():
        own = {profile.unique_id() for profile in sensor.get_stream_profiles()}
        of_sensor = tuple(profile for profile in opened if profile.unique_id() in own)
        if of_sensor:
            sensors.append((sensor, of_sensor))
    return tuple(sensors)
