"""Boards in front of a camera with lens distortion, rendered with an exactly known answer."""

from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from slam.calibration.board import make_board
from slam.calibration.view import View
from slam.camera import KANNALA_BRANDT, RADTAN, Camera
from slam.geometry import apply, invert, transform

CHARUCO = make_board("charuco", "11x8", 24.0)
CHESSBOARD = make_board("chessboard", "10x7", 24.0)
LENS = Camera(640, 480, 512.3, 508.9, 327.4, 233.8, RADTAN, (-0.24, 0.08, 0.0009, -0.0006))
WIDE = Camera(640, 480, 352.6, 350.1, 313.6, 246.1, KANNALA_BRANDT, (0.021, -0.008, 0.003, -0.0011))  # 130 degrees
VERY_WIDE = replace(WIDE, fx=301.7, fy=299.2)  # 152 degrees from corner to corner
TEXELS = 24  # per square
FINER = 3  # samples per pixel, each way
MARGIN = 1  # squares of white paper around the board


@dataclass(frozen=True)
class Look:
    """What a sensor does to an image."""

    blur_px: float = 0.7  # Gaussian
    noise: float = 2.0  # grey levels
    dark: float = 40.0
    bright: float = 210.0


SENSOR = Look()


@lru_cache
def paper(board):
    """The printed board with its white margin, (H, W) from 0 to 1."""
    px_per_m = TEXELS / board.square_m
    page = np.ones(((board.rows + 2 * MARGIN) * TEXELS, (board.columns + 2 * MARGIN) * TEXELS), np.float32)
    for x, y, width, height in board.black_rectangles():
        left, top = round(x * px_per_m) + MARGIN * TEXELS, round(y * px_per_m) + MARGIN * TEXELS
        right, bottom = round((x + width) * px_per_m), round((y + height) * px_per_m)
        page[top : bottom + MARGIN * TEXELS, left : right + MARGIN * TEXELS] = 0.0
    return page


@lru_cache
def fine_rays(camera):
    """(H, W, 3) rays of the sub-pixels of an image."""
    x = (np.arange(camera.width * FINER) + 0.5) / FINER - 0.5
    y = (np.arange(camera.height * FINER) + 0.5) / FINER - 0.5
    xy = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2).astype(np.float32)
    return camera.rays(camera.undistort(xy)).reshape(len(y), len(x), 3).astype(np.float32)


def render(board, camera, T_cam_board, look=SENSOR, seed=0):
    """(H, W) uint8: grey paper on a darker wall."""
    rays = fine_rays(camera)
    T_board_cam = invert(T_cam_board)
    directions = rays @ T_board_cam[:3, :3].T.astype(np.float32)
    origin = T_board_cam[:3, 3].astype(np.float32)
    with np.errstate(divide="ignore"):
        depth = -origin[2] / directions[..., 2]
    at = origin[:2] + depth[..., None] * directions[..., :2]
    texel = (at / board.square_m + MARGIN) * TEXELS - 0.5
    texel[depth <= 0] = -1e6
    page = cv2.remap(
        paper(board), texel[..., 0].astype(np.float32), texel[..., 1].astype(np.float32), cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT, borderValue=0.4,
    )  # fmt: skip
    image = cv2.resize(page, camera.image_size, interpolation=cv2.INTER_AREA)
    image = look.dark + (look.bright - look.dark) * image
    if look.blur_px:
        image = cv2.GaussianBlur(image, (0, 0), look.blur_px)
    image += np.random.default_rng(seed).normal(0, look.noise, image.shape)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def held(board, camera, count, seed=0, tilt_rad=0.6, fill=(0.35, 0.75), whole=None):
    """(count, 4, 4) T_cam_board that let the board wander over the image, tilted this way and that.

    ``fill``: width of the board as a share of the image's, nearest and farthest. ``whole``: all of it in the image,
    as a chessboard must be.
    """
    rng = np.random.default_rng(seed)
    whole = board.kind == "chessboard" if whole is None else whole
    poses = []
    while len(poses) < count:
        T = _held(board, camera, rng, len(poses), tilt_rad, fill)
        if not whole or len(seen(board, camera, T).ids) == len(board.points):
            poses.append(T)
    return np.array(poses)


def _held(board, camera, rng, number, tilt_rad, fill):
    centre = np.array([board.columns, board.rows, 0.0]) * board.square_m / 2
    xy = np.array([0.15 + 0.233 * (number % 4), 0.2 + 0.3 * (number // 4 % 3)]) + rng.uniform(-0.1, 0.1, 2)
    ray = camera.rays(camera.undistort((xy * camera.image_size)[None].astype(np.float32)))[0]
    t = ray / np.linalg.norm(ray) * camera.fx / camera.width * board.columns * board.square_m / rng.uniform(*fill)
    towards = 2 * np.pi * number / 5 + rng.uniform(-0.4, 0.4)
    tilt = rng.uniform(0.4, 1.0) * tilt_rad * np.array([np.cos(towards), np.sin(towards), 0.0])
    R = (Rotation.from_rotvec(tilt) * Rotation.from_euler("z", rng.uniform(-0.3, 0.3))).as_matrix()
    return transform(R, t - R @ centre)


def seen(board, camera, T_cam_board, name="view", noise_px=0.0, rng=None):
    """The view that a perfect detector would give, but for Gaussian noise."""
    points = apply(T_cam_board, board.points)
    in_front = points[:, 2] > 0.01
    xy = np.full((len(points), 2), -1e6)
    xy[in_front] = exact_pixels(camera, points[in_front])
    inside = np.all((xy >= 0) & (xy <= np.array(camera.image_size) - 1), axis=1)
    ids = np.flatnonzero(inside)
    noise = rng.normal(0, noise_px, (len(ids), 2)) if noise_px else 0.0
    return View(name, camera.image_size, ids, xy[ids] + noise, 1.5)


def exact_pixels(camera, points_cam):
    """Camera.distort in float64."""
    points, zero, coefficients = points_cam[:, None], np.zeros(3), np.array(camera.distortion or (0.0,) * 4)
    if camera.distortion_model == KANNALA_BRANDT:
        return cv2.fisheye.projectPoints(points, zero, zero, camera.K, coefficients)[0].reshape(-1, 2)
    return cv2.projectPoints(points, zero, zero, camera.K, coefficients)[0].reshape(-1, 2)


def shifts_px(true, found, views=None):
    """(M, 2) where the estimated camera puts the viewing rays of pixels, minus where they truly belong.

    All over the image, or where ``views`` have corners: in the cells of 64 px that hold one.
    """
    x, y = np.meshgrid(np.arange(0, true.width, 4), np.arange(0, true.height, 4))
    xy = np.column_stack([x.ravel(), y.ravel()]).astype(np.float32)
    if views is not None:
        cells = {tuple(cell) for view in views for cell in (view.xy // 64).astype(int)}
        xy = xy[[tuple(cell) in cells for cell in (xy // 64).astype(int)]]
    rays = true.rays(true.undistort(xy))
    return exact_pixels(found, rays) - exact_pixels(true, rays), rays


def shifted_px(true, found, views=None):
    """(M,) lengths of them: nothing is taken out."""
    return np.linalg.norm(shifts_px(true, found, views)[0], axis=1)


def bent_px(true, found, views=None):
    """(M,) what of them no turn of the camera explains: the residual of the distortion.

    A shifted centre is such a turn, to first order, and the poses of a camera take it up.
    """
    shifts, rays = shifts_px(true, found, views)
    turns = [exact_pixels(true, rays @ Rotation.from_rotvec(w).as_matrix().T) for w in 1e-5 * np.eye(3)]
    A = np.stack([(turned - exact_pixels(true, rays)).ravel() / 1e-5 for turned in turns], 1)
    left = shifts.ravel() - A @ np.linalg.lstsq(A, shifts.ravel(), rcond=None)[0]
    return np.linalg.norm(left.reshape(-1, 2), axis=1)


def smaller(camera, factor):
    """The same lens before a coarser sensor."""
    scaled = {name: getattr(camera, name) * factor for name in ("fx", "fy")}
    centre = {name: (getattr(camera, name) + 0.5) * factor - 0.5 for name in ("cx", "cy")}
    return replace(camera, width=round(camera.width * factor), height=round(camera.height * factor), **scaled, **centre)
