"""The rig that a RealSense device reports of itself. Trap: the SDK's rotations are stored column by column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyrealsense2 as rs

from slam.camera import Camera, ImuNoise, Rig
from slam.errors import SourceError
from slam.geometry import transform
from slam.rig_file import load_rig
from slam.sources.realsense_streams import Streams
from slam.types import Float64, Mode

TYPICAL = "realsense_d435i"  # of calib/: noise of the inertial unit, which the D4xx do not report
GRID = 32  # points per side at which the SDK's lens model is asked
MARGIN = 0.3  # of the image, beyond its sides: what a lens bends into it
WORTH_A_NOTE_PX = 0.05  # by which a lens may differ from its description


def device_rig(streams: Streams, mode: Mode, name: str) -> tuple[Rig, list[str]]:
    """The rig of the streams, and what should be known of it."""
    left, notes = camera_of(streams.image, name)
    rig = Rig("realsense", left)
    if mode is Mode.STEREO:
        right, more = camera_of(streams.partner, name)
        rig = replace(rig, right=right, T_left_right=pose_in(streams.partner, streams.image, name))
        notes += more
    if mode is Mode.RGBD:
        rig = _with_depth(rig, streams)
    if streams.has_imu:
        rig, more = _with_imu(rig, streams, name)
        notes += more
    return rig, notes


def camera_of(profile: rs.video_stream_profile, name: str) -> tuple[Camera, list[str]]:
    """The camera of a stream, and a note where our lens model does not reproduce the SDK's.

    The SDK calls Brown-Conrady what OpenCV calls radtan. Its other models are asked where they see a grid of rays,
    and radtan is fitted to that: linear least squares, as the coefficients enter linearly.
    """
    said = profile.get_intrinsics()
    camera = Camera(said.width, said.height, said.fx, said.fy, said.ppx, said.ppy)
    if not any(said.coeffs):
        return camera, []
    if said.model == rs.distortion.brown_conrady:
        return replace(camera, distortion=tuple(said.coeffs)), []
    rays, xy = _seen(said)
    fitted = replace(camera, distortion=_fitted_radtan(camera, xy, rays))
    ideal = rays * (camera.fx, camera.fy) + (camera.cx, camera.cy)
    worst_px = float(np.linalg.norm(fitted.distort(ideal) - xy, axis=1).max())
    if worst_px < WORTH_A_NOTE_PX:
        return fitted, []
    what = f"{said.model.name.replace('_', ' ')} lens of the {profile.stream_name()} stream"
    return fitted, [f"{name}: the {what} is described to within {worst_px:.2f} px; calibrate it with: slam calibrate"]


def pose_in(profile: rs.stream_profile, other: rs.stream_profile, name: str) -> Float64:
    """(4, 4) T_other_profile, by the device. Raises SourceError when the device does not say."""
    try:
        said = profile.get_extrinsics_to(other)
    except RuntimeError as error:
        raise SourceError(
            f"{name}: does not say where its {profile.stream_name()} is to its {other.stream_name()}; "
            "a file in which one of them is empty does not: record it again"
        ) from error
    return transform(np.array(said.rotation, np.float64).reshape(3, 3).T, np.array(said.translation, np.float64))


def _seen(said: rs.intrinsics) -> tuple[Float64, Float64]:
    """Rays (N, 2) at depth 1, and the pixels (N, 2) of the image at which the SDK sees them.

    Asked in this direction because the SDK cannot go the other way for all of its models.
    """
    x, y = np.meshgrid(np.linspace(-MARGIN, 1 + MARGIN, GRID), np.linspace(-MARGIN, 1 + MARGIN, GRID))
    xy = np.column_stack([x.ravel() * said.width, y.ravel() * said.height])
    rays = (xy - (said.ppx, said.ppy)) / (said.fx, said.fy)
    seen = np.array([rs.rs2_project_point_to_pixel(said, [x, y, 1.0]) for x, y in rays.tolist()])
    inside = np.all((seen >= 0) & (seen <= (said.width - 1, said.height - 1)), axis=1)
    return rays[inside], seen[inside]


def _fitted_radtan(camera: Camera, xy: Float64, rays: Float64) -> tuple[float, ...]:
    """k1, k2, p1, p2, k3 that bring rays to pixels."""
    x, y = rays.T
    r2 = x * x + y * y
    columns_x = [x * r2, x * r2**2, 2 * x * y, r2 + 2 * x * x, x * r2**3]
    columns_y = [y * r2, y * r2**2, r2 + 2 * y * y, 2 * x * y, y * r2**3]
    shift = (xy - (camera.cx, camera.cy)) / (camera.fx, camera.fy) - rays
    A = np.vstack([np.column_stack(columns_x), np.column_stack(columns_y)])
    return tuple(np.linalg.lstsq(A, shift.T.ravel(), rcond=None)[0].tolist())


def _with_depth(rig: Rig, streams: Streams) -> Rig:
    """With depth units and baseline of the sensor that gives the depth."""
    assert streams.partner is not None
    sensor = next(sensor for sensor, profiles in streams.sensors if streams.partner in profiles)
    factor = float(f"{1.0 / sensor.as_depth_sensor().get_depth_scale():.6g}")  # a float32 has no more digits
    if not sensor.supports(rs.option.stereo_baseline):
        return replace(rig, depth_factor=factor)
    return replace(rig, depth_factor=factor, depth_baseline_m=1e-3 * abs(sensor.get_option(rs.option.stereo_baseline)))


def _with_imu(rig: Rig, streams: Streams, name: str) -> tuple[Rig, list[str]]:
    try:
        T_body_cam = pose_in(streams.image, streams.gyro, name)
    except SourceError:
        note = f"{name}: does not say where its inertial unit is, which is not used; --rig with T_body_cam says it"
        return rig, [note]
    return replace(rig, T_body_cam=T_body_cam, imu=imu_noise(streams)), []


def imu_noise(streams: Streams) -> ImuNoise:
    """The device's own noise where it reports one, else what is typical.

    The SDK's variances are taken as those of one sample: white noise of density d has variance d^2 * rate, and a walk
    of density w moves by variance w^2 / rate from one sample to the next.
    """
    typical = load_rig(TYPICAL).imu
    assert typical is not None and streams.gyro is not None and streams.accel is not None
    gyro, accel = streams.gyro, streams.accel
    return ImuNoise(
        _density(gyro, "noise_variances", 1.0 / gyro.fps(), typical.gyro_density),
        _density(accel, "noise_variances", 1.0 / accel.fps(), typical.accel_density),
        _density(gyro, "bias_variances", gyro.fps(), typical.gyro_walk),
        _density(accel, "bias_variances", accel.fps(), typical.accel_walk),
        float(gyro.fps()),
    )


def _density(profile: rs.motion_stream_profile, name: str, per_variance: float, otherwise: float) -> float:
    variances: Sequence[float] = getattr(profile.get_motion_intrinsics(), name)
    return float(np.sqrt(np.mean(variances) * per_variance)) if any(variances) else otherwise


def with_unit_of(rig: Rig, device: Rig) -> Rig:
    """The user's rig, with the device's inertial unit where it has none."""
    if rig.imu is not None or device.imu is None:
        return rig
    return replace(rig, imu=device.imu, T_body_cam=rig.T_body_cam if rig.T_body_cam is not None else device.T_body_cam)


def is_rectified(rig: Rig) -> bool:
    """Whether rows of the left image are rows of the right one, as the infra-red images of D4xx come."""
    if rig.right is None or rig.T_left_right is None:
        return False
    same = np.allclose(rig.left.K, rig.right.K, rtol=0, atol=1e-3) and rig.left.image_size == rig.right.image_size
    straight = np.allclose(rig.T_left_right[:3, :3], np.eye(3), atol=1e-5)
    level = np.allclose(rig.T_left_right[1:3, 3], 0.0, atol=1e-6) and rig.T_left_right[0, 3] > 0
    return bool(same and straight and level and not rig.left.is_distorted and not rig.right.is_distorted)


def is_registered(streams: Streams, name: str) -> bool:
    """Whether depth lies in the colour camera already, pixel for pixel: aligning it again would blur its edges."""
    assert streams.partner is not None
    depth, color = streams.partner.get_intrinsics(), streams.image.get_intrinsics()
    size = (depth.width, depth.height) == (color.width, color.height)
    names = ("fx", "fy", "ppx", "ppy", "coeffs")
    same = all(np.allclose(getattr(depth, name), getattr(color, name), atol=1e-6) for name in names)
    return bool(size and same and np.allclose(pose_in(streams.partner, streams.image, name), np.eye(4), atol=1e-7))
