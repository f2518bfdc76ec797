"""7-Scenes, ICL-NUIM, TartanAir and TUM-VI as they come from upstream: what is wrong is one clear sentence."""

import cv2
import numpy as np
import pytest
from small_images import write_image

from slam.errors import CalibrationError, SourceError
from slam.rig_file import load_rig, rig_from_intrinsics
from slam.sources import open_source
from slam.types import Mode

KIND = {
    "sevenscenes": "frame-000006.depth.png",
    "icl": "depth/6.png",
    "tartanair": "depth_lcam_front/000006_lcam_front_depth.png",
}


@pytest.fixture(params=KIND)
def layout(request):
    """Name and folder of each layout with depth."""
    return request.param, request.getfixturevalue(f"{request.param}_folder")


def test_a_missing_depth_image_is_a_counted_skip(layout):
    name, folder = layout
    (folder / KIND[name]).unlink()
    source = open_source(name, folder, mode=Mode.RGBD)
    assert len(list(source)) == 11
    assert [skip.index for skip in source.skipped] == [6]


def test_depth_is_in_metres(layout):
    frame = next(iter(open_source(*layout, mode=Mode.RGBD)))
    np.testing.assert_allclose(frame.depth_m, 2.0)


def test_there_need_not_be_a_ground_truth(layout):
    name, folder = layout
    for file in [*folder.glob("*.pose.txt"), *folder.glob("*.gt.freiburg"), *folder.glob("pose_lcam_front.txt")]:
        file.unlink()
    assert open_source(name, folder).ground_truth is None


@pytest.mark.parametrize("text", ["1 0 0 0\\n", "1 0 0\\n" * 4, "a b c d\\n" * 4, "nan 0 0 0\\n" * 4, "0 0 0 0\\n" * 4])
def test_a_broken_pose_of_7_scenes_is_one_clear_error(sevenscenes_folder, text):
    (sevenscenes_folder / "frame-000003.pose.txt").write_text(text.replace("\\n", "\n"))
    with pytest.raises(SourceError, match=r"frame-000003\.pose\.txt"):
        open_source("sevenscenes", sevenscenes_folder)


@pytest.mark.parametrize("name, file", [
    ("sevenscenes", "frame-last.color.png"), ("icl", "rgb/last.png"), ("tartanair", "image_lcam_front/last.png"),
])  # fmt: skip
def test_an_image_without_a_number_is_one_clear_error(request, name, file):
    folder = request.getfixturevalue(f"{name}_folder")
    write_image(folder / file, 0)
    with pytest.raises(SourceError, match="number; rename it or remove it"):
        open_source(name, folder)


def test_two_trajectories_of_icl_nuim_are_one_clear_error(icl_folder):
    (icl_folder / "other.gt.freiburg").write_text("")
    with pytest.raises(SourceError, match="keep the one of this sequence"):
        open_source("icl", icl_folder)


def test_a_broken_trajectory_of_icl_nuim_is_one_clear_error(icl_folder):
    (icl_folder / "traj.gt.freiburg").write_text("1 2 3\n")
    with pytest.raises(SourceError, match=r"ground truth .*line 1"):
        open_source("icl", icl_folder)


def test_poses_of_icl_nuim_are_mirrored_in_y(icl_folder):
    T = open_source("icl", icl_folder).ground_truth.T_world_cam[5]
    np.testing.assert_allclose(T[:3, 3], [0.5, -0.3, 0])


@pytest.mark.parametrize(
    "text, words",
    [("0 0 0 0 0 0 1\n", "1 poses do not fit 12"), ("0 0 0 0 0 0 0\n" * 12, "is zero"), ("0\n" * 12, "tx ty tz")],
)
def test_broken_poses_of_tartanair_are_one_clear_error(tartanair_folder, text, words):
    (tartanair_folder / "pose_lcam_front.txt").write_text(text)
    with pytest.raises(SourceError, match=words):
        open_source("tartanair", tartanair_folder)


def test_tartanairs_forward_is_the_cameras_z(tartanair_folder):
    T = open_source("tartanair", tartanair_folder).ground_truth.T_world_cam
    np.testing.assert_allclose(T[0][:3, :3].T @ (T[5] - T[0])[:3, 3], [0, 0, 0.5], atol=1e-12)


def test_depth_that_is_no_float_is_one_clear_error(tartanair_folder):
    write_image(tartanair_folder / "depth_lcam_front/000000_lcam_front_depth.png", 0, 3, (640, 640))
    with pytest.raises(SourceError, match="8-bit image of four channels"):
        open_source("tartanair", tartanair_folder, mode=Mode.RGBD)


def test_depth_that_is_not_finite_or_not_positive_is_unknown(tartanair_folder):
    depth = np.full((640, 640, 1), 2.0, np.float32)
    depth[0, :3, 0] = np.nan, np.inf, -1.0
    cv2.imwrite(str(tartanair_folder / "depth_lcam_front/000000_lcam_front_depth.png"), depth.view(np.uint8))
    frame = next(iter(open_source("tartanair", tartanair_folder, mode=Mode.RGBD)))
    assert frame.depth_m[0, :4].tolist() == [0, 0, 0, 2]


def test_a_pair_needs_a_rig_with_a_right_camera(tartanair_folder):
    with pytest.raises(CalibrationError, match="--mode mono"):
        open_source("tartanair", tartanair_folder, rig=rig_from_intrinsics([320, 320, 319.5, 319.5]))


def test_tum_vis_truth_is_brought_from_the_body_to_the_camera(tumvi_folder):
    source = open_source("tumvi", tumvi_folder, mode=Mode.MONO)
    T_body_cam = load_rig("tumvi_512").T_body_cam
    np.testing.assert_allclose(source.ground_truth.T_world_cam[0], T_body_cam)


def test_sixteen_bit_images_of_tum_vi_become_eight_bit(tumvi_folder):
    frame = next(iter(open_source("tumvi", tumvi_folder, mode=Mode.MONO)))
    raw = cv2.imread(str(next(iter(sorted((tumvi_folder / "mav0/cam0/data").iterdir())))), cv2.IMREAD_UNCHANGED)
    assert np.abs(frame.image.astype(int) - raw / 257).max() <= 1.01
