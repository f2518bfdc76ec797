"""Models that we wrote, read by COLMAP itself: nothing moves by half a pixel, and no axis turns."""

import numpy as np
import pytest

from slam.camera import Camera
from slam.export.colmap import write_colmap
from slam.export.model import Model, Shot
from slam.geometry import apply, exp_se3, invert

pycolmap = pytest.importorskip("pycolmap")
CAMERA = Camera(640, 480, 500.0, 510.0, 320.0, 239.0)


def shot(keyframe_id, points_world, rng):
    T_world_cam = exp_se3(rng.normal(0, 0.1, 6))
    index = rng.permutation(len(points_world))[: len(points_world) - keyframe_id]
    projected = CAMERA.project(apply(invert(T_world_cam), points_world[index]))
    xy = projected + rng.normal(0, 0.7, projected.shape)
    name, stamp_ns = f"keyframe_{keyframe_id:06d}", 10 * keyframe_id
    return Shot(keyframe_id + 1, name, stamp_ns, T_world_cam, xy, index, np.linalg.norm(xy - projected, axis=1))


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(4)
    points_world = rng.uniform((-1, -1, 3), (1, 1, 5), (60, 3))
    shots = tuple(shot(i, points_world, rng) for i in (0, 3, 7))
    return Model(CAMERA, shots, points_world, rng.integers(0, 255, (60, 3), np.uint8))


@pytest.fixture(params=[True, False], ids=["text", "binary"])
def read(request, model, tmp_path):
    write_colmap(tmp_path, model, ".png", request.param)
    return pycolmap.Reconstruction(tmp_path)


def test_every_picture_point_and_observation_is_there(model, read):
    assert read.num_reg_images() == 3
    assert read.num_points3D() == 60
    assert read.compute_num_observations() == 60 + 57 + 53
    assert {image.name for image in read.images.values()} == {f"{s.picture_name}.png" for s in model.shots}


def test_poses_come_back(model, read):
    for one in model.shots:
        T_cam_world = read.images[one.image_id].cam_from_world().matrix()
        np.testing.assert_allclose(T_cam_world, invert(one.T_world_cam)[:3], atol=1e-12)


def test_the_reprojection_error_is_ours_to_a_thousandth_of_a_pixel(model, read):
    ours_px = model.point_errors_px()
    read.update_point_3d_errors()
    theirs_px = np.array([read.points3D[i + 1].error for i in range(len(ours_px))])
    np.testing.assert_allclose(theirs_px, ours_px, atol=1e-3)
    assert read.compute_mean_reprojection_error() == pytest.approx(ours_px.mean(), abs=1e-3)


def test_pixel_centres_are_half_a_pixel_from_colmaps_corner(model, read):
    one = model.shots[0]
    xy = np.array([point.xy for point in read.images[one.image_id].points2D])
    np.testing.assert_allclose(xy, one.xy + 0.5, atol=1e-12)
    assert read.cameras[1].params.tolist() == [500.0, 510.0, 320.5, 239.5]


def test_colours_come_back(model, read):
    np.testing.assert_array_equal([read.points3D[i + 1].color for i in range(60)], model.colors)
