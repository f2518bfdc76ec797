"""The KITTI layout: projection matrices, times and gaps."""

import shutil

import numpy as np
import pytest

from slam.errors import CalibrationError, SourceError
from slam.rig_file import rig_from_intrinsics
from slam.sources import open_source
from slam.types import Mode


def test_the_baseline_comes_from_the_projection_matrices(kitti_folder):
    rig = open_source("kitti", kitti_folder).rig
    assert rig.baseline_m == pytest.approx(0.5)
    np.testing.assert_allclose(rig.T_left_right[:3, 3], [0.5, 0, 0])


def test_without_image_1_it_is_monocular(kitti_folder):
    shutil.rmtree(kitti_folder / "image_1")
    assert open_source("kitti", kitti_folder).mode is Mode.MONO


def test_without_times_and_poses_it_runs_at_ten_hertz(kitti_folder):
    (kitti_folder / "times.txt").unlink()
    (kitti_folder / "poses.txt").unlink()
    source = open_source("kitti", kitti_folder)
    assert source.ground_truth is None
    assert [frame.stamp_ns for frame in source][:3] == [0, 100_000_000, 200_000_000]


def test_upstreams_poses_are_found_beside_the_sequences(kitti_folder, tmp_path):
    upstream = tmp_path / "dataset/sequences/07"
    upstream.parent.mkdir(parents=True)
    kitti_folder.rename(upstream)
    (tmp_path / "dataset/poses").mkdir()
    (upstream / "poses.txt").rename(tmp_path / "dataset/poses/07.txt")
    assert open_source("kitti", upstream).ground_truth.T_world_cam[3][2, 3] == 3.0  # m


def test_a_missing_number_is_a_counted_skip_and_later_times_stay(kitti_folder):
    (kitti_folder / "image_0/000006.png").unlink()
    source = open_source("kitti", kitti_folder)
    frames = list(source)
    assert [skip.index for skip in source.skipped] == [6]
    assert frames[6].stamp_ns == 700_000_000


def test_more_images_than_times_is_one_clear_error(kitti_folder):
    (kitti_folder / "poses.txt").unlink()
    (kitti_folder / "times.txt").write_text("0\n0.1\n")
    with pytest.raises(SourceError, match=r"times\.txt has only 2 lines"):
        open_source("kitti", kitti_folder)


def test_more_poses_than_times_is_one_clear_error(kitti_folder):
    with open(kitti_folder / "poses.txt", "a") as poses:
        poses.write("1 0 0 0 0 1 0 0 0 0 1 99\n")
    with pytest.raises(SourceError, match="13 poses do not fit 12 times"):
        open_source("kitti", kitti_folder)


def test_cameras_in_the_wrong_order_are_refused(kitti_folder):
    calib = kitti_folder / "calib.txt"
    calib.write_text(calib.read_text().replace("-25", "25"))
    with pytest.raises(CalibrationError, match=r"baseline is -0\.500 m"):
        open_source("kitti", kitti_folder)


def test_a_rig_without_a_right_camera_cannot_do_stereo(kitti_folder):
    with pytest.raises(CalibrationError, match="--mode mono"):
        open_source("kitti", kitti_folder, rig=rig_from_intrinsics([50, 50, 32, 24]))


def test_recorded_drive_is_complete_and_moves_forward(recorded):
    source = open_source("kitti", recorded / "sequences/kitti_stereo_30")
    frames = list(source)
    assert (len(frames), source.mode, source.skipped) == (30, Mode.STEREO, [])
    assert source.rig.baseline_m == pytest.approx(0.53715, abs=1e-4)  # m
    assert source.rig.left.image_size == (1226, 370)
    assert [frame.stamp_ns for frame in frames] == source.ground_truth.stamps_ns.tolist()
    assert source.ground_truth.T_world_cam[-1][2, 3] == pytest.approx(34.6, abs=0.1)  # m
