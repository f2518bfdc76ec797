"""From the folder of a run to the folder a trainer opens, through the real command line."""

import json
import shutil

import cv2
import numpy as np
import pytest
from command_line import called, called_in, short_recording
from plyfile import PlyData

from slam.geometry import invert
from slam.mapfile.reader import load_map
from slam.sources import open_source
from slam.trajectory import read_kitti, read_tum

FORMS = ("colmap", "colmap-text", "nerfstudio", "ply", "mesh", "tum", "kitti", "tum-keyframes")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run of a recording that lies in ``taken``, exported in every form to the places they have by default."""
    folder = tmp_path_factory.mktemp("exported")
    short_recording(folder / "taken", 40)
    done = called_in(folder, "run", "tum", "taken", "--viewer", "none", "--out", "run")
    assert (done.code, done.err) == (0, "")
    assert [called_in(folder, "export", "run", what).code for what in FORMS] == [0] * len(FORMS)
    return folder


def keyframes(folder):
    return load_map(folder / "run" / "run.map").world.keyframes.values()


@pytest.fixture
def slam(monkeypatch, capsys, folder):
    monkeypatch.chdir(folder)
    return lambda *args: called(monkeypatch, capsys, *args)


@pytest.mark.parametrize("name", ["colmap", "colmap-text"])
def test_colmap_finds_a_picture_of_the_right_size_for_every_pose(folder, name):
    pycolmap = pytest.importorskip("pycolmap")
    out = folder / "run" / "export" / name
    read = pycolmap.Reconstruction(out / "sparse" / "0")
    assert read.num_reg_images() >= 2 and read.compute_mean_reprojection_error() < 1.0
    for image in read.images.values():
        camera = read.cameras[image.camera_id]
        assert cv2.imread(str(out / "images" / image.name)).shape[:2] == (camera.height, camera.width)


def test_points_lie_in_front_of_nerfstudios_cameras_and_inside_their_pictures(folder):
    out = folder / "run" / "export" / "nerfstudio"
    values = json.loads((out / "transforms.json").read_text())
    vertex = PlyData.read(out / values["ply_file_path"])["vertex"]
    points = np.column_stack([vertex[c] for c in "xyz"])
    for frame in values["frames"]:
        assert (out / frame["file_path"]).is_file()
        T = np.array(frame["transform_matrix"])
        x, y, z = ((points - T[:3, 3]) @ T[:3, :3]).T
        u, v = values["cx"] - values["fl_x"] * x / z, values["cy"] + values["fl_y"] * y / z
        inside = (z < 0) & (u > 0) & (u < values["w"]) & (v > 0) & (v < values["h"])
        assert inside.mean() > 0.5


def test_the_trajectory_is_the_one_the_run_wrote(folder):
    assert (folder / "run/export/tum.txt").read_bytes() == (folder / "run/trajectory.txt").read_bytes()


def test_kitti_says_which_frames_have_a_pose(slam, folder):
    at = folder / "run/export"
    read, tum = read_kitti(at / "kitti.txt", at / "kitti_times.txt"), read_tum(at / "tum.txt")
    assert read.stamps_ns.tolist() == tum.stamps_ns.tolist()
    np.testing.assert_allclose(read.T_world_cam, tum.T_world_cam, atol=1e-8)  # m, nine decimals
    shutil.copytree(folder / "run", folder / "gaps", ignore=shutil.ignore_patterns("export"))
    lines = (folder / "gaps/trajectory.txt").read_text().splitlines(keepends=True)
    (folder / "gaps/trajectory.txt").write_text("".join(lines[:31]))
    assert "30 frames of 40, the others have no pose: a line for each" in slam("export", "gaps", "kitti").out
    (folder / "gaps/trajectory.txt").unlink()
    assert "did not come to its end" in slam("export", "gaps", "tum").err
    assert "40 frames, their seconds in part_times.txt" in slam("export", "gaps/run.map", "kitti", "part.txt").out


def test_nerfstudio_gets_depth_in_millimetres_for_every_picture(folder):
    out = folder / "run" / "export" / "nerfstudio"
    values = json.loads((out / "transforms.json").read_text())
    depths_m = {frame.stamp_ns: frame.depth_m for frame in open_source("tum", folder / "taken")}
    stamps_ns = {k.keyframe_id: k.observation.stamp_ns for k in keyframes(folder)}
    for frame in values["frames"]:
        raw = cv2.imread(str(out / frame["depth_file_path"]), cv2.IMREAD_UNCHANGED)
        true_m = depths_m[stamps_ns[int(frame["file_path"][-10:-4])]]
        np.testing.assert_allclose(raw * values["depth_unit_scale_factor"], true_m, atol=0.00051)  # m


def test_other_frames_have_poses_and_pictures_and_see_no_landmarks(slam, folder):
    pycolmap = pytest.importorskip("pycolmap")
    done = slam("export", "run", "colmap", "more", "--every", 10, "--jpeg", 90)
    assert done.code == 0 and "3 other frames" in done.out  # 0, 10, 20, 30 without the first, a keyframe
    images = pycolmap.Reconstruction(folder / "more/sparse/0").images.values()
    others = {image.name: image for image in images if image.name.startswith("frame_")}
    assert sorted(others) == ["frame_000010.jpg", "frame_000020.jpg", "frame_000030.jpg"]
    final = read_tum(folder / "run" / "trajectory.txt")
    for index in (10, 20, 30):
        image = others[f"frame_{index:06d}.jpg"]
        T_cam_world = image.cam_from_world().matrix()
        np.testing.assert_allclose(T_cam_world, invert(final.T_world_cam[index])[:3], atol=1e-7)
        assert image.num_points2D() == 0 and (folder / "more/images" / image.name).is_file()


def test_a_mesh_of_few_frames_has_colours_and_one_of_nothing_is_an_error(slam, folder):
    mesh = PlyData.read(folder / "run/export/mesh.ply")
    assert len(mesh["face"].data) > 1000 and mesh["vertex"]["red"].std() > 10
    for words, said in [
        (("m.ply", "--max-depth", 0.1), "no surface"),
        (("m.xyz",), "ending"),
        (("m.ply", "--voxel", 0), "above 0"),
        (("m.ply", "--mode", "mono"), "no depth"),
        (("m.ply", "--no-pictures"), "needs the recording"),
        ((), "exists already"),
    ]:
        assert said in slam("export", "run", "mesh", *words).err
    assert not (folder / "m.ply").exists()


def test_a_recording_that_has_moved_is_named_again(slam, folder):
    (folder / "taken").rename(folder / "moved")
    try:
        done = slam("export", "run", "colmap", "new")
        assert done.code == 2 and "--path" in done.err and not (folder / "new").exists()
        assert slam("export", "run", "colmap", "elsewhere", "--path", "moved").code == 0
    finally:
        (folder / "moved").rename(folder / "taken")
    first, second = (sorted((at / "images").iterdir()) for at in (folder / "run/export/colmap", folder / "elsewhere"))
    assert [a.read_bytes() for a in first] == [b.read_bytes() for b in second]


def test_a_map_file_needs_to_be_told_the_recording_and_the_place(slam, folder):
    shutil.copy(folder / "run" / "run.map", folder / "a.map")
    assert "name what to write" in slam("export", "a.map", "colmap").err
    assert "without pictures (name the recording" in slam("export", "a.map", "colmap", "bare").out
    assert not (folder / "bare" / "images").exists()
    assert "with pictures" in slam("export", "a.map", "colmap", "full", "--source", "tum", "--path", "taken").out


def test_a_cameras_run_says_what_to_do_the_next_time(slam, folder):
    shutil.copytree(folder / "run", folder / "live", ignore=shutil.ignore_patterns("export"))
    (folder / "live" / "recording.toml").write_text('source = "webcam"\nis_live = true\nmode = "rgbd"\n')
    done = slam("export", "live", "nerfstudio")
    assert done.code == 0 and "run it with --record" in done.out
    (folder / "live" / "recording.toml").write_text("source = 3 4\n")
    assert "cannot be read" in slam("export", "live", "colmap").err


def test_a_run_may_leave_no_map_and_then_says_so(slam, folder):
    args = ("--max-frames", 3, "--viewer", "none", "--no-map-file", "--out", "small")
    assert slam("run", "tum", "taken", *args).code == 0
    done = slam("export", "small", "colmap")
    assert done.code == 2 and "--no-map-file" in done.err
    assert json.loads((folder / "small" / "summary.json").read_text())["info"]["map"] is None


def test_a_run_with_a_map_of_its_own_is_exported_from_that(slam, folder):
    args = ("--max-frames", 12, "--viewer", "none", "--map", "own.map", "--out", "owner")
    assert slam("run", "tum", "taken", *args).code == 0
    assert not (folder / "owner" / "run.map").exists()
    assert "with pictures" in slam("export", "owner", "colmap").out


@pytest.mark.parametrize(
    "words, said",
    [
        (("run", "colmap"), "exists already"),
        (("run", "colmab", "new"), "did you mean colmap?"),
        (("run", "video", "new"), "write colmap, "),
        (("run", "colmap", "new", "--submap", 9), "not in the map"),
        (("run", "colmap", "new", "--rig", "sevenscenes"), "another camera"),
        (("nowhere", "colmap", "new"), "does not exist"),
        (("taken", "colmap", "new"), "give a folder that `slam run` left"),
    ],
)
def test_wrong_words_are_one_sentence_and_leave_nothing(slam, folder, words, said):
    done = slam("export", *words)
    assert done.code == 2 and said in done.err
    assert not (folder / "new").exists()
