"""What is exported of the demo, against its exact poses and its exact surfaces: no axis turned, no half pixel lost."""

import json

import numpy as np
import pytest
from plyfile import PlyData

from slam.export.colmap import write_colmap
from slam.export.door import Wanted, export
from slam.export.mesh import Grid
from slam.export.model import Model, Shot, ideal
from slam.export.nerfstudio import write_transforms
from slam.export.pictures import PictureForm
from slam.export.subject import opened_subject
from slam.geometry import apply, invert, rotation_angle_rad
from slam.rendering.options import RenderOptions
from slam.rendering.raycaster import surfaces_of
from slam.rendering.scenes import build_scene
from slam.running.options import RunOptions
from slam.running.run import run
from slam.sources import open_source
from slam.trajectory import read_tum

pycolmap = pytest.importorskip("pycolmap")
pytest.importorskip("open3d")
DEMO = RenderOptions(seconds=5.0, loops=1, seed=13)  # of tools/render_demo.py, as far as the scene depends on it
FRAMES, STEP_PX = 60, 16
SOURCE = open_source("demo", None)
CAMERA, TRUTH = ideal(SOURCE.rig.left), SOURCE.ground_truth
GRID = np.stack(np.meshgrid(np.arange(0, 640, STEP_PX), np.arange(0, 480, STEP_PX)), -1).astype(np.float64)


@pytest.fixture(scope="module")
def surfaces():
    return surfaces_of(build_scene(DEMO))


def seen_in(surfaces, T_gt_cam):
    """Pixels (N, 2) and exact points_gt (N, 3): every so-manieth pixel's own ray up to what it hits."""
    rays = CAMERA.rays(GRID.reshape(-1, 2)).reshape(*GRID.shape[:2], 3)
    z, _ = surfaces.first_hit(T_gt_cam[:3, 3].astype(np.float32), (rays @ T_gt_cam[:3, :3].T).astype(np.float32))
    hit = np.isfinite(z)
    return GRID[hit], apply(T_gt_cam, rays[hit] * z[hit][:, None])


@pytest.fixture(scope="module")
def exact(surfaces):
    """A model whose poses are the true ones and whose points are what the pixels of its first picture see."""
    xy, points_gt = seen_in(surfaces, TRUTH.T_world_cam[0])
    shots = []
    for number, index in enumerate((0, 20, 40)):
        T_gt_cam = TRUTH.T_world_cam[index]
        at = CAMERA.project(apply(invert(T_gt_cam), points_gt))
        rows = np.flatnonzero(~np.isnan(at).any(1))
        stamp_ns = int(TRUTH.stamps_ns[index])
        shots.append(Shot(number + 1, f"keyframe_{index:06d}", stamp_ns, T_gt_cam, at[rows], rows, np.zeros(len(rows))))
    np.testing.assert_allclose(shots[0].xy, xy, atol=1e-3)  # px
    return Model(CAMERA, tuple(shots), points_gt, np.zeros((len(points_gt), 3), np.uint8))


def test_the_true_depth_of_a_pixel_lands_on_that_pixel_in_colmap(exact, tmp_path):
    write_colmap(tmp_path, exact, ".png", is_text=False)
    read = pycolmap.Reconstruction(tmp_path)
    for shot in exact.shots:
        image = read.images[shot.image_id]
        landed = np.array([image.project_point(point) for point in exact.points_world[shot.point_index]])
        np.testing.assert_allclose(landed - 0.5, shot.xy, atol=1e-6)  # px


def test_the_true_depth_of_a_pixel_lands_on_that_pixel_in_nerfstudio(exact, tmp_path):
    write_transforms(tmp_path / "transforms.json", exact, PictureForm(), "points.ply")
    values = json.loads((tmp_path / "transforms.json").read_text())
    for frame, shot in zip(values["frames"], exact.shots, strict=True):
        T = np.array(frame["transform_matrix"])
        x, y, z = ((exact.points_world[shot.point_index] - T[:3, 3]) @ T[:3, :3]).T  # x right, y up, z back
        u, v = values["cx"] - values["fl_x"] * x / z, values["cy"] + values["fl_y"] * y / z
        np.testing.assert_allclose(np.column_stack([u, v]) - 0.5, shot.xy, atol=1e-6)  # px


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "run"
    run(RunOptions("demo", out=folder, viewer="none", max_frames=FRAMES), lambda _: None)
    subject, grid = opened_subject(folder), Grid(voxel_m=0.02, max_depth_m=3.0)
    for what in ("colmap", "mesh"):
        export(subject, Wanted(what, RunOptions(""), every=3, grid=grid))
    return folder


@pytest.fixture(scope="module")
def T_gt_world(exported):
    """By the first pose: the positions of so short a path say too little about rotation."""
    return TRUTH.T_world_cam[0] @ invert(read_tum(exported / "trajectory.txt").T_world_cam[0])


def test_exported_poses_are_the_true_ones(exported, T_gt_world):
    read = pycolmap.Reconstruction(exported / "export/colmap/sparse/0")
    true = dict(zip(TRUTH.stamps_ns.tolist(), TRUTH.T_world_cam, strict=True))
    stamps_ns = read_tum(exported / "trajectory.txt").stamps_ns.tolist()
    others = [image for image in read.images.values() if image.name.startswith("frame_")]
    assert len(others) >= 10
    for image in others:
        T_cam_world = np.vstack([image.cam_from_world().matrix(), [0, 0, 0, 1]])
        T_off = invert(true[stamps_ns[int(image.name[6:12])]]) @ T_gt_world @ invert(T_cam_world)
        assert np.linalg.norm(T_off[:3, 3]) < 0.010 and rotation_angle_rad(T_off[:3, :3]) < 0.005  # m, rad


def test_true_points_land_where_they_were_seen(exported, T_gt_world, surfaces):
    read = pycolmap.Reconstruction(exported / "export/colmap/sparse/0")
    image = next(image for image in read.images.values() if image.name == "frame_000030.png")
    xy, points_gt = seen_in(surfaces, TRUTH.T_world_cam[30])
    landed = np.array([image.project_point(p) for p in apply(invert(T_gt_world), points_gt)])
    off_px = np.linalg.norm(landed - 0.5 - xy, axis=1)
    assert np.median(off_px) < 1.5 and off_px.max() < 6.0  # px, of which poses account for about 0.5


def test_the_mesh_lies_on_the_true_surfaces(exported, T_gt_world, surfaces):
    vertex = PlyData.read(exported / "export/mesh.ply")["vertex"]
    points_world = np.column_stack([vertex[c] for c in "xyz"]).astype(np.float64)
    error_m = surfaces.distance(apply(T_gt_world, points_world))
    assert len(error_m) > 10_000
    assert np.median(error_m) < 0.006 and np.percentile(error_m, 95) < 0.030  # m, at voxels of 0.02 m
