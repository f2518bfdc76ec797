"""From the demo to the folder a trainer opens, through the real command line."""

import json

import cv2
import numpy as np
import pytest
from command_line import typed
from plyfile import PlyData


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    done = typed(folder, "run", "demo", "--max-frames", 40, "--viewer", "none", "--map", "a.map", "--out", "run")
    assert (done.code, done.err) == (0, "")
    for to in ("colmap", "colmap-text", "nerfstudio"):
        done = typed(folder, "export", "a.map", to, to, "--source", "demo")
        assert (done.code, done.err) == (0, "")
    return folder


@pytest.mark.parametrize("name", ["colmap", "colmap-text"])
def test_colmap_finds_a_picture_of_the_right_size_for_every_pose(folder, name):
    pycolmap = pytest.importorskip("pycolmap")
    read = pycolmap.Reconstruction(folder / name / "sparse" / "0")
    assert read.num_reg_images() >= 2 and read.compute_mean_reprojection_error() < 1.0
    for image in read.images.values():
        camera = read.cameras[image.camera_id]
        assert cv2.imread(str(folder / name / "images" / image.name)).shape[:2] == (camera.height, camera.width)


def test_points_lie_in_front_of_nerfstudios_cameras_and_inside_their_pictures(folder):
    values = json.loads((folder / "nerfstudio" / "transforms.json").read_text())
    vertex = PlyData.read(folder / "nerfstudio" / values["ply_file_path"])["vertex"]
    points = np.column_stack([vertex[c] for c in "xyz"])
    for frame in values["frames"]:
        assert (folder / "nerfstudio" / frame["file_path"]).is_file()
        T = np.array(frame["transform_matrix"])
        x, y, z = ((points - T[:3, 3]) @ T[:3, :3]).T
        u, v = values["cx"] - values["fl_x"] * x / z, values["cy"] + values["fl_y"] * y / z
        inside = (z < 0) & (u > 0) & (u < values["w"]) & (v > 0) & (v < values["h"])
        assert inside.mean() > 0.5


@pytest.mark.parametrize(
    "typed_words, said",
    [
        (("a.map", "colmap", "nerfstudio"), "exists already"),
        (("a.map", "colmab", "new"), "is unknown"),
        (("a.map", "colmap", "new", "--source", "demo", "--submap", 9), "not in the map"),
    ],
)
def test_wrong_words_are_one_sentence_and_leave_nothing(folder, typed_words, said):
    done = typed(folder, "export", *typed_words)
    assert done.code == 2 and said in done.err
    assert not (folder / "new").exists()
