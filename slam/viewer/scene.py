"""What the 3D view shows, as plain arrays: points, lines and where to look from. Knows nothing of a window."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from slam.geometry import apply, invert, transform
from slam.types import Float64, Int64, MapSnapshot
from slam.viewer.update import MAX_POINTS, ViewerUpdate

BACKGROUND = (0.055, 0.066, 0.085)
KEYFRAMES, TRAJECTORY, TRUTH, CURRENT = (0.24, 0.52, 0.95), (1.0, 0.72, 0.20), (0.30, 0.85, 0.50), (1.0, 0.30, 0.42)
FRUSTUM_SHARE = 0.028  # depth of a keyframe's frustum in scene radii
CURRENT_SHARE = 0.06
HALF_WIDTH = 0.62  # of a frustum at depth 1
BEHIND_ABOVE = np.array([0.45, -0.62, -0.85])  # from the middle of the map to the eye: x right, y down, z forward
FOLLOW_EYE, FOLLOW_TARGET = (0.0, -0.16, -0.42), (0.0, 0.0, 0.5)  # in the followed camera's frame, in scene radii
MAX_PATH = 4000  # points of a path: two minutes of every frame, then every second one
FRUSTUM_LINES = np.array([[0, 1], [0, 2], [0, 3], [0, 4], [1, 2], [2, 3], [3, 4], [4, 1]])


@dataclass(frozen=True, eq=False)
class Lines:
    """Coloured segments."""

    points: Float64  # (P, 3)
    segments: Int64  # (S, 2) indices of points
    color: tuple[float, float, float]  # RGB in [0, 1]


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything that is drawn in world coordinates."""

    points: Float64  # (L, 3)
    colors: Float64  # (L, 3) RGB in [0, 1]
    lines: tuple[Lines, ...]
    center: Float64  # (3,) of what matters, stray points left out
    radius: float  # around the center


def scene_of(update: ViewerUpdate) -> Scene:
    """The scene of an update: landmarks, keyframes, trajectory, ground truth, current camera."""
    snapshot = update.snapshot
    center, radius = _extent(snapshot)
    points = snapshot.points_world[:MAX_POINTS].astype(np.float64)
    near = np.linalg.norm(points - center, axis=1) < 4 * radius
    aspect = update.image.shape[0] / update.image.shape[1]
    current = np.zeros((0, 4, 4)) if update.T_world_cam is None else update.T_world_cam[None]
    truth = np.zeros((0, 3)) if update.ground_truth_world is None else update.ground_truth_world
    return Scene(
        points=points[near],
        colors=bright(snapshot.colors[:MAX_POINTS][near]),
        lines=(
            frusta(snapshot.T_world_keyframes, FRUSTUM_SHARE * radius, aspect, KEYFRAMES),
            polyline(thinned(truth), TRUTH),
            polyline(thinned(snapshot.trajectory_world), TRAJECTORY),
            frusta(current, CURRENT_SHARE * radius, aspect, CURRENT),
        ),
        center=center,
        radius=radius,
    )


def frusta(T_world_cams: Float64, depth: float, aspect: float, color: tuple[float, float, float]) -> Lines:
    """Viewing pyramids of cameras (K, 4, 4), ``depth`` deep; aspect is height over width."""
    x, y = HALF_WIDTH, HALF_WIDTH * aspect
    corners_cam = depth * np.array([[0, 0, 0], [-x, -y, 1], [x, -y, 1], [x, y, 1], [-x, y, 1]])
    points = [apply(T_world_cam, corners_cam) for T_world_cam in T_world_cams]
    segments = FRUSTUM_LINES[None] + 5 * np.arange(len(T_world_cams))[:, None, None]
    return Lines(np.array(points).reshape(-1, 3), segments.reshape(-1, 2), color)


def polyline(points: Float64, color: tuple[float, float, float]) -> Lines:
    """A line through points (N, 3); it breaks where a coordinate is NaN."""
    whole = np.all(np.isfinite(points), axis=1)
    starts = np.arange(max(len(points) - 1, 0))
    segments = np.column_stack([starts, starts + 1])
    return Lines(np.nan_to_num(points), segments[np.all(whole[segments], axis=1)], color)


def thinned(path: Float64) -> Float64:
    """At most ``MAX_PATH`` of the points (N, 3) and the last; the same ones while the path grows, until it doubles."""
    step = 1
    while len(path) > step * MAX_PATH:
        step *= 2
    return path if step == 1 else np.concatenate([path[::step], path[-1:]])


def bold(scene: Scene, share: float) -> Scene:
    """The scene with every line drawn seven times, ``share`` of its radius apart: wide lines on any driver."""
    offsets = share * scene.radius * np.concatenate([np.zeros((1, 3)), np.eye(3), -np.eye(3)])
    return replace(scene, lines=tuple(_copied(lines, offsets) for lines in scene.lines))


def overview(scene: Scene, tan_half_width: float, tan_half_height: float, covered: float = 0.0) -> Float64:
    """T_world_eye (4, 4) of an eye behind and above that has nearly the whole map in view.

    ``tan_half_*`` describe the field of view; its rightmost share ``covered`` is kept free.
    """
    forward = -BEHIND_ABOVE / np.linalg.norm(BEHIND_ABOVE)
    right = np.cross([0.0, 1.0, 0.0], forward)
    right /= np.linalg.norm(right)
    R_world_eye = np.column_stack([right, np.cross(forward, right), forward])
    places_eye = (_places(scene) - scene.center) @ R_world_eye
    eye = np.array([0.0, 0.0, -3 * scene.radius])
    for _ in range(20):  # center and distance depend on each other through the perspective
        ahead = np.maximum(places_eye[:, 2:] - eye[2], 0.1 * scene.radius)
        low, high = np.percentile((places_eye[:, :2] - eye[:2]) / ahead, [0.1, 99.9], axis=0)
        fill = np.max((high - low) / (2 * tan_half_width * (1 - covered), 2 * tan_half_height))
        off_center = (low + high) / 2 + (covered * tan_half_width, 0.0)
        depth = float(np.median(ahead))
        eye += depth * np.array([*off_center, 1 - max(1.15 * fill, 0.5)])
    return transform(R_world_eye, scene.center + R_world_eye @ eye)


def behind(T_world_cam: Float64, radius: float) -> tuple[Float64, Float64]:
    """Where to stand (3,) and what to look at (3,) to follow a camera: behind it, and a little above."""
    places_cam = radius * np.array([FOLLOW_EYE, FOLLOW_TARGET])
    eye, target = apply(T_world_cam, places_cam)
    return eye, target


def looking(eye: Float64, target: Float64) -> Float64:
    """T_world_eye (4, 4) of an eye that looks at a point, level with the world."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    down = np.array([0.0, 1.0, 0.0]) if abs(forward[1]) < 0.99 else np.array([0.0, 0.0, -np.sign(forward[1])])
    right = np.cross(down, forward)
    right /= np.linalg.norm(right)
    return transform(np.column_stack([right, np.cross(forward, right), forward]), eye)


def billboard(T_eye_world: Float64, corners_eye: Float64) -> Float64:
    """World points (4, 3) of a picture that stays fixed before the eye."""
    return apply(invert(T_eye_world), corners_eye)


def _extent(snapshot: MapSnapshot) -> tuple[Float64, float]:
    """Center and radius of the camera's path and of nearly all landmarks."""
    path = snapshot.trajectory_world[np.isfinite(snapshot.trajectory_world).all(axis=1)]
    everything = [path, snapshot.T_world_keyframes[:, :3, 3]]
    if len(snapshot.points_world):
        points = snapshot.points_world.astype(np.float64)
        low, high = np.percentile(points, [3, 97], axis=0)
        everything.append(np.array([low, high]))
    places = np.concatenate(everything)
    if len(places) == 0:
        return np.zeros(3), 1.0
    low, high = places.min(0), places.max(0)
    return (low + high) / 2, max(float(np.linalg.norm(high - low)) / 2, 1e-3)


def _copied(lines: Lines, offsets: Float64) -> Lines:
    points = (lines.points + offsets[:, None]).reshape(-1, 3)
    segments = lines.segments + len(lines.points) * np.arange(len(offsets))[:, None, None]
    return Lines(points, segments.reshape(-1, 2), lines.color)


def _places(scene: Scene) -> Float64:
    """Landmarks and corners of lines that the overview must hold."""
    places = np.concatenate([scene.points, *(lines.points for lines in scene.lines), scene.center[None]])
    return places[np.linalg.norm(places - scene.center, axis=1) <= 1.15 * scene.radius]


def bright(colors: np.ndarray) -> Float64:
    """Colours that stand out from the dark background: the darkest are lifted, hue kept."""
    return 0.22 + 0.78 * (colors.astype(np.float64) / 255) ** 0.8
