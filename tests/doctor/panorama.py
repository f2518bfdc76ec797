"""A far world on a sphere, seen by a camera that only turns: pictures with known defects, and a gyro that knows."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from slam.camera import Camera, Rig
from slam.doctor.capture import Capture
from slam.types import ImuSamples, Mode

CAMERA = Camera(320, 240, 260.0, 260.0, 159.5, 119.5)
START_NS = 1_600_000_000_000_000_000
FPS = 30.0
R_BODY_CAM = Rotation.from_euler("ZYX", [1.4, 0.1, -0.2]).as_matrix()


def texture(seed=0, size=(2048, 1024)):
    """Boxes of many sizes and greys, a little soft, as a panorama of all around."""
    rng, (width, height) = np.random.default_rng(seed), size
    picture = np.full((height, width), 110, np.uint8)
    for _ in range(9000):
        x, y, w, h = rng.integers(0, width), rng.integers(0, height), *rng.integers(4, 50, 2)
        cv2.rectangle(picture, (x, y), (x + w, y + h), int(rng.integers(25, 230)), -1)
    return cv2.GaussianBlur(picture, (0, 0), 0.6)


@dataclass(frozen=True)
class Shake:
    """Angles of the camera, sums of sines: yaw, pitch, roll."""

    amplitude: tuple = (0.20, 0.10, 0.08)  # rad
    hz: tuple = (0.9, 1.3, 0.7)
    second_hz: tuple = (2.1, 1.9, 2.6)

    def rotations(self, times_s):
        """R_world_cam at each time."""
        t, a = np.asarray(times_s)[..., None], np.array(self.amplitude)
        angles = a * np.sin(2 * np.pi * np.array(self.hz) * t) + 0.2 * a * np.sin(
            2 * np.pi * np.array(self.second_hz) * t + 1.0
        )
        return Rotation.from_euler("YXZ", angles)

    def rates_cam(self, times_s, h=1e-5):
        """(T, 3) rad/s."""
        before, after = self.rotations(np.asarray(times_s) - h), self.rotations(np.asarray(times_s) + h)
        return (before.inv() * after).as_rotvec() / (2 * h)


@dataclass(frozen=True)
class Stream:
    """What is wrong with the camera; nothing by itself."""

    seconds: float = 3.0
    shake: Shake = field(default_factory=Shake)
    readout: float = 0.0  # share of the frame time from the first to the last row
    exposure: float = 0.0  # share of the frame time
    defocus_px: float = 0.0
    noise: float = 1.0  # grey levels
    seed: int = 0

    def times_s(self):
        return np.arange(round(self.seconds * FPS)) / FPS

    def images(self):
        world, rng = texture(self.seed).astype(np.float32), np.random.default_rng(self.seed + 1)
        return [self._image(world, time_s, rng) for time_s in self.times_s()]

    def _image(self, world, time_s, rng):
        rows = (np.arange(CAMERA.height) / CAMERA.height - 0.5) * self.readout
        instants = [0.0] if self.exposure == 0 else (np.arange(9) / 8 - 0.5) * self.exposure
        views = [self._view(world, time_s + (rows + instant) / FPS) for instant in instants]
        picture = np.mean(views, 0)
        if self.defocus_px:
            picture = cv2.GaussianBlur(picture, (0, 0), self.defocus_px)
        return np.clip(picture + rng.normal(0, self.noise, picture.shape) + 0.5, 0, 255).astype(np.uint8)

    def _view(self, world, row_times_s):
        """Each row at its own time."""
        x, y = np.meshgrid(np.arange(CAMERA.width), np.arange(CAMERA.height))
        rays = np.stack([(x - CAMERA.cx) / CAMERA.fx, (y - CAMERA.cy) / CAMERA.fy, np.ones(x.shape)], -1)
        R_world_cam = self.shake.rotations(row_times_s).as_matrix()
        far = np.einsum("hij,hwj->hwi", R_world_cam, rays)
        height, width = world.shape
        u = (np.arctan2(far[..., 0], far[..., 2]) / (2 * np.pi) + 0.5) * width
        v = (np.arctan2(far[..., 1], np.hypot(far[..., 0], far[..., 2])) / np.pi + 0.5) * height
        return cv2.remap(
            world, u.astype(np.float32), v.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
        )

    def imu(self, offset_s=0.0, rate_hz=200.0, sigma_gyro=0.002, sigma_accel=0.02):
        """Samples whose stamps are late by the offset: t_imu = t_cam + offset."""
        times_s = np.arange(-0.2, self.seconds + 0.2, 1 / rate_hz)
        rng = np.random.default_rng(self.seed + 2)
        gyro = self.shake.rates_cam(times_s) @ R_BODY_CAM.T + (0.01, -0.02, 0.03)
        gravity = self.shake.rotations(times_s).inv().apply([0.0, -9.81, 0.0]) @ R_BODY_CAM.T
        stamps_ns = START_NS + np.round((times_s + offset_s) * 1e9).astype(np.int64)
        noise_g, noise_a = rng.normal(0, sigma_gyro, gyro.shape), rng.normal(0, sigma_accel, gyro.shape)
        return ImuSamples(stamps_ns, gyro + noise_g, gravity + noise_a)

    def capture(self, images=None, imu=None, camera=CAMERA, stamps_ns=None):
        if stamps_ns is None:
            stamps_ns = START_NS + np.round(self.times_s() * 1e9).astype(np.int64)
        T_body_cam = np.eye(4)
        T_body_cam[:3, :3] = R_BODY_CAM
        rig = Rig("panorama", camera, T_body_cam=T_body_cam)
        return Capture("test", Mode.MONO, rig, stamps_ns, images or self.images(), imu=imu)
