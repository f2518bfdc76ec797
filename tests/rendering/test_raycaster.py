import cv2
import numpy as np
import pytest

from slam.camera import Camera
from slam.errors import ConfigError
from slam.geometry import apply, invert
from slam.rendering.box_motion import make_path
from slam.rendering.lighting import lighting
from slam.rendering.room import CLEAR_MAX, CLEAR_MIN, build_room

CAMERA = Camera(96, 72, 78.0, 80.0, 47.5, 35.5)
DISTANCE_M = 0.11


@pytest.fixture(scope="module")
def poses(room):
    path = make_path("handheld", CLEAR_MIN, CLEAR_MAX, 4.0, 0, 1.0, seed=2)
    return path.poses(np.linspace(0.0, 4.0, 13))


def pixels():
    x, y = np.meshgrid(np.arange(96.0), np.arange(72.0))
    return np.column_stack([x.ravel(), y.ravel()])


def reprojected_depth(view_a, view_b, T_b_a):
    """Depth of A's pixels carried into B, B's own depth there, and which of them both see on one face."""
    points_b = apply(T_b_a, CAMERA.rays(pixels()) * view_a.depth_m.reshape(-1, 1))
    xy = CAMERA.project(points_b)
    with np.errstate(invalid="ignore"):
        inside = (xy[:, 0] > 1) & (xy[:, 0] < 94) & (xy[:, 1] > 1) & (xy[:, 1] < 70)
    at = np.where(inside[:, None], xy, 0.0).astype(np.float32)
    inverse = cv2.remap(1 / view_b.depth_m, at[None], None, cv2.INTER_LINEAR)[0]
    corners = [view_b.face[at[:, 1].astype(int) + dy, at[:, 0].astype(int) + dx] for dy in (0, 1) for dx in (0, 1)]
    same = inside & np.all([corner == view_a.face.ravel() for corner in corners], 0)
    return points_b[:, 2], 1 / inverse, same


def test_depth_of_one_view_reprojects_onto_the_depth_of_another(raycaster, poses):
    view_a, view_b = (raycaster.render(poses[i], CAMERA) for i in (2, 3))
    carried, seen, same = reprojected_depth(view_a, view_b, invert(poses[3]) @ poses[2])
    assert same.sum() > 1500
    # Inverse depth is linear over a plane's picture, so even between pixels both agree: within 2 % of a millimetre ...
    assert np.percentile(np.abs(carried - seen)[same], 99) < 5e-3  # ... and remap's steps of 1/32 px, in metres


def test_a_point_of_the_world_has_the_same_color_in_both_views(raycaster, poses):
    big = Camera(320, 240, 260.0, 260.0, 159.5, 119.5)
    view_a, view_b = (raycaster.render(poses[i], big) for i in (2, 3))
    ys, xs = np.nonzero(np.ones_like(view_a.face, bool))
    rays = big.rays(np.column_stack([xs, ys]))
    xy = big.project(apply(invert(poses[3]) @ poses[2], rays * view_a.depth_m.reshape(-1, 1)))
    moved = cv2.remap(view_b.color, xy.reshape(240, 320, 2).astype(np.float32), None, cv2.INTER_LINEAR)
    seen = moved.sum(-1) > 0
    assert np.median(np.abs(moved - view_a.color)[seen]) < 6.0  # grey levels


def test_disparity_is_baseline_times_focal_length_over_depth(raycaster, poses):
    T_left_right = np.eye(4)
    T_left_right[0, 3] = DISTANCE_M
    left, right = raycaster.render(poses[0], CAMERA), raycaster.render(poses[0] @ T_left_right, CAMERA)
    carried, seen, same = reprojected_depth(left, right, invert(T_left_right))
    assert same.sum() > 1500
    np.testing.assert_allclose(carried, left.depth_m.ravel(), atol=1e-6)  # rectified: depth stays
    disparity = DISTANCE_M * CAMERA.fx / left.depth_m.ravel()
    assert np.percentile(np.abs(DISTANCE_M * CAMERA.fx / seen - disparity)[same], 99) < 0.02  # px


def test_every_pixel_shows_something_and_nothing_is_touched(room, raycaster):
    path = make_path("handheld", CLEAR_MIN, CLEAR_MAX, 30.0, 1, 1.5, seed=5)
    for T_world_cam in path.poses(np.linspace(0.0, 30.0, 25)):
        view = raycaster.render(T_world_cam, CAMERA)
        assert np.isfinite(view.depth_m).all()
        assert view.depth_m.min() > 0.2  # metres


def test_every_seed_furnishes_another_room_and_repeated_chairs_are_alike(room):
    other = build_room(seed=4)
    assert any(not np.array_equal(a.texture, b.texture) for a, b in zip(room.faces, other.faces))
    repeated = [face.texture.tobytes() for face in build_room(seed=3, repeated_furniture=True).faces]
    different = [face.texture.tobytes() for face in room.faces]
    assert len(set(repeated)) / len(repeated) < 0.8 * len(set(different)) / len(different)


def test_an_unknown_light_is_named_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"'noon'.*day, dim, lamp"):
        lighting("noon", build_room(seed=0))
