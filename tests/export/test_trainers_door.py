"""A phone's video to the input of a splat trainer, read the way trainers read it: up to their door, without training.

The loaders followed are those of the Gaussian splatting reference (sparse/0 by struct, images/ by base name), of gsplat
(pycolmap's Reconstruction and images/ by sorted name) and of nerfstudio's dataparser.
"""

import json
import struct

import cv2
import numpy as np
import pytest
from command_line import called_in
from plyfile import PlyData
from scipy.spatial.transform import Rotation

from slam.sources import open_source

FRAMES, EVERY = 90, 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A rendered video file, a run of it, and its exports."""
    folder = tmp_path_factory.mktemp("phone")
    source = open_source("demo", None, max_frames=FRAMES)
    camera = source.rig.left
    video = cv2.VideoWriter(str(folder / "phone.mkv"), cv2.VideoWriter_fourcc(*"FFV1"), 30.0, camera.image_size)
    for frame in source:
        video.write(frame.color[..., ::-1])
    video.release()
    intrinsics = f"{camera.fx},{camera.fy},{camera.cx},{camera.cy}"
    done = called_in(
        folder, "run", "video", "phone.mkv", "--intrinsics", intrinsics, "--viewer", "none", "--out", "run"
    )
    assert (done.code, done.err) == (0, "")
    for what in ("colmap", "nerfstudio"):
        assert called_in(folder, "export", "run", what, what, "--every", EVERY, "--jpeg", 95).code == 0
    return folder


def taken(file, form):
    return struct.unpack(f"<{form}", file.read(struct.calcsize(f"<{form}")))


def read_cameras(path):
    """camera id -> model number, size, parameters."""
    with path.open("rb") as file:
        found = {}
        for _ in range(taken(file, "Q")[0]):
            camera_id, model, width, height = taken(file, "iiQQ")
            found[camera_id] = model, (width, height), taken(file, "4d")
        assert not file.read()
        return found


def read_images(path):
    """name -> rotation and translation of world to camera, camera id, pixels, point ids."""
    with path.open("rb") as file:
        found = {}
        for _ in range(taken(file, "Q")[0]):
            _, w, x, y, z, *t, camera_id = taken(file, "i7di")
            name = b"".join(iter(lambda: file.read(1), b"\0")).decode()
            rows = np.array(taken(file, "ddq" * taken(file, "Q")[0])).reshape(-1, 3)
            R = Rotation.from_quat([x, y, z, w]).as_matrix()
            found[name] = R, np.array(t), camera_id, rows[:, :2], rows[:, 2].astype(int)
        assert not file.read()
        return found


def read_points(path):
    """point id -> place."""
    with path.open("rb") as file:
        found = {}
        for _ in range(taken(file, "Q")[0]):
            point_id, x, y, z, *_ = taken(file, "Q3d3Bd")
            taken(file, "ii" * taken(file, "Q")[0])
            found[point_id] = np.array([x, y, z])
        assert not file.read()
        return found


@pytest.fixture(scope="module")
def scene(folder):
    sparse = folder / "colmap" / "sparse" / "0"
    return tuple(
        read(sparse / f"{name}.bin")
        for read, name in ((read_cameras, "cameras"), (read_images, "images"), (read_points, "points3D"))
    )


def test_one_pinhole_camera_and_a_picture_of_its_size_for_every_pose(folder, scene):
    cameras, images, _ = scene
    assert [model for model, *_ in cameras.values()] == [1]  # PINHOLE: no other is taken everywhere
    pictures = sorted(path.name for path in (folder / "colmap" / "images").iterdir())
    assert pictures == sorted(images) and len(images) > FRAMES / EVERY / 2
    for name, (_, _, camera_id, *_) in images.items():
        height, width = cv2.imread(str(folder / "colmap" / "images" / name)).shape[:2]
        assert (width, height) == cameras[camera_id][1]


def test_points_reproject_where_pictures_saw_them(scene):
    cameras, images, points = scene
    errors = []
    for R, t, camera_id, xy, ids in images.values():
        fx, fy, cx, cy = cameras[camera_id][2]
        for (u, v), point_id in zip(xy, ids, strict=True):
            x, y, z = R @ points[point_id] + t
            errors.append(np.hypot(fx * x / z + cx - u, fy * y / z + cy - v))
    assert len(errors) > 1000 and np.mean(errors) < 0.6  # px


def test_the_scale_is_one_a_trainer_can_start_from(scene):
    _, images, points = scene
    centres = np.array([-R.T @ t for R, t, *_ in images.values()])
    radius = np.linalg.norm(centres - centres.mean(0), axis=1).max()
    away = np.linalg.norm(np.array(list(points.values())) - centres.mean(0), axis=1)
    assert 0.01 < radius < 10 and 1 < np.median(away) / radius < 50
    assert np.percentile(away, 99) < 20 * np.median(away)  # no far-flung points


def test_neighbouring_frames_stand_beside_each_other(scene):
    """A pose of a frame that is no keyframe is as good as one that is: the camera moves smoothly."""
    images = scene[1]
    names = sorted(name for name in images if name.startswith("frame_"))
    centres = np.array([-images[name][0].T @ images[name][1] for name in names])
    steps = np.linalg.norm(np.diff(centres, axis=0), axis=1)
    assert len(steps) > 5 and steps.max() < 4 * np.median(steps)


def test_gsplat_finds_observations_and_files_by_sorted_names(folder):
    pycolmap = pytest.importorskip("pycolmap")
    read = pycolmap.Reconstruction(folder / "colmap" / "sparse" / "0")
    names = sorted(image.name for image in read.images.values())
    assert names == sorted(path.name for path in (folder / "colmap" / "images").iterdir())
    keyframes = [image for image in read.images.values() if image.name.startswith("keyframe_")]
    assert all(len(image.get_observation_points2D()) > 50 for image in keyframes)
    assert read.cameras[1].calibration_matrix()[0, 2] == 320.0  # half a pixel from 319.5


def test_nerfstudio_sees_the_same_scene(folder, scene):
    values = json.loads((folder / "nerfstudio" / "transforms.json").read_text())
    assert {"fl_x", "fl_y", "cx", "cy", "w", "h"} <= values.keys() and values["camera_model"] == "OPENCV"
    assert "depth_file_path" not in values["frames"][0]
    for frame in values["frames"]:
        R, t, *_ = scene[1][frame["file_path"].removeprefix("images/")]
        T = np.array(frame["transform_matrix"]) @ np.diag([1, -1, -1, 1])  # back to COLMAP's axes
        np.testing.assert_allclose(T[:3, :3], R.T, atol=1e-9)
        np.testing.assert_allclose(T[:3, 3], -R.T @ t, atol=1e-9)
    vertex = PlyData.read(folder / "nerfstudio" / values["ply_file_path"])["vertex"]
    moved = np.column_stack([vertex[c] for c in "xyz"]) @ np.array(values["applied_transform"])[:, :3].T
    np.testing.assert_allclose(moved, np.array(list(scene[2].values())), atol=1e-5)
