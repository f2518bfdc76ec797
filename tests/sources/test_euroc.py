"""The EuRoC layout: calibration, body poses, inertial samples, stereo."""

from itertools import pairwise

import numpy as np
import pytest
from small_images import SENSOR, STAMPS_NS

from slam.camera import KANNALA_BRANDT, RADTAN
from slam.errors import CalibrationError, SourceError
from slam.rig_file import load_rig, rig_from_intrinsics
from slam.sources import open_source
from slam.types import Mode


def test_mav0_itself_can_be_given(euroc_folder):
    assert len(list(open_source("euroc", euroc_folder / "mav0"))) == 12


def test_without_cam1_it_is_monocular(euroc_folder):
    (euroc_folder / "mav0/cam1/data.csv").unlink()
    source = open_source("euroc", euroc_folder)
    assert (source.mode, source.rig.left.distortion_model) == (Mode.MONO, RADTAN)
    assert source.rig.left.is_distorted


def test_ground_truth_is_the_camera_s_pose(euroc_folder):
    source = open_source("euroc", euroc_folder, mode=Mode.MONO)
    T_body_cam = source.rig.T_body_cam
    np.testing.assert_allclose(T_body_cam[:3, 3], [0, 0, 0.3])
    np.testing.assert_allclose(T_body_cam[:3, 0], [0, 1, 0], atol=1e-12)  # the camera's x is the body's y
    np.testing.assert_allclose(source.ground_truth.T_world_cam[7][:3, 3], [7, 0, 0.3])
    np.testing.assert_allclose(source.ground_truth.T_world_cam[7][:3, :3], T_body_cam[:3, :3], atol=1e-12)


def test_inertial_samples_lie_between_the_frames(euroc_folder):
    frames = list(open_source("euroc", euroc_folder))
    stamps_ns = np.concatenate([frame.imu.stamps_ns for frame in frames])
    assert np.all(np.diff(stamps_ns) == 5_000_000)
    for before, frame in pairwise(frames):
        assert np.all((frame.imu.stamps_ns > before.stamp_ns) & (frame.imu.stamps_ns <= frame.stamp_ns))
    np.testing.assert_array_equal(frames[3].imu.gyro_rad_s[0], [0.1, 0.2, 0.3])
    np.testing.assert_array_equal(frames[3].imu.accel_m_s2[0], [9.8, 0, 0])


def test_samples_of_a_skipped_frame_go_to_the_next_one(euroc_folder):
    (euroc_folder / f"mav0/cam0/data/{STAMPS_NS[6]}.png").unlink()
    frames = list(open_source("euroc", euroc_folder))
    assert frames[6].imu.stamps_ns[0] <= STAMPS_NS[5] + 5_000_000
    assert len(frames[6].imu.stamps_ns) > 12


def test_a_recording_without_inertial_data_still_opens(euroc_folder):
    (euroc_folder / "mav0/imu0/data.csv").unlink()
    (euroc_folder / "mav0/imu0/sensor.yaml").unlink()
    source = open_source("euroc", euroc_folder)
    assert (source.rig.imu, next(iter(source)).imu) == (None, None)


def test_the_noise_of_the_inertial_unit_is_read(euroc_folder):
    imu = open_source("euroc", euroc_folder).rig.imu
    assert (imu.gyro_density, imu.accel_walk, imu.rate_hz) == (1.7e-4, 3e-3, 200)


def test_nan_in_inertial_data_names_file_and_line(euroc_folder):
    data = euroc_folder / "mav0/imu0/data.csv"
    data.write_text(data.read_text() + f"{STAMPS_NS[-1] + 10**9},nan,0,0,0,0,0\n")
    with pytest.raises(SourceError, match=r"imu0/data\.csv, line \d+: holds nan"):
        open_source("euroc", euroc_folder)


def test_equidistant_is_kannala_brandt(euroc_folder):
    for camera, x in (("cam0", 0.0), ("cam1", 0.1)):
        (euroc_folder / f"mav0/{camera}/sensor.yaml").write_text(SENSOR.format(x=x, y=0.0, model="equidistant"))
    assert open_source("euroc", euroc_folder, mode=Mode.MONO).rig.left.distortion_model == KANNALA_BRANDT
    assert open_source("euroc", euroc_folder).rig.baseline_m == pytest.approx(0.1)


def test_an_unknown_distortion_is_named(euroc_folder):
    (euroc_folder / "mav0/cam0/sensor.yaml").write_text(SENSOR.format(x=0.0, y=0.0, model="omni"))
    with pytest.raises(CalibrationError, match="distortion_model 'omni' is unknown"):
        open_source("euroc", euroc_folder)


def test_swapped_cameras_are_refused(euroc_folder):
    (euroc_folder / "mav0/cam1/sensor.yaml").write_text(SENSOR.format(x=-0.1, y=0.0, model="radtan"))
    with pytest.raises(CalibrationError, match="right camera at \\+x"):
        open_source("euroc", euroc_folder)


def test_bare_intrinsics_keep_the_recording_s_place_on_the_body(euroc_folder):
    rig = rig_from_intrinsics([50, 50, 32, 24])
    source = open_source("euroc", euroc_folder, mode=Mode.MONO, rig=rig)
    np.testing.assert_allclose(source.rig.T_body_cam[:3, 3], [0, 0, 0.3])
    np.testing.assert_allclose(source.ground_truth.T_world_cam[7][:3, 3], [7, 0, 0.3])


def test_a_left_image_without_a_right_one_is_a_counted_skip(euroc_folder):
    data = euroc_folder / "mav0/cam1/data.csv"
    data.write_text("".join(line for line in data.read_text().splitlines(True) if str(STAMPS_NS[6]) not in line))
    source = open_source("euroc", euroc_folder)
    assert len(list(source)) == 11
    assert "no right image" in source.skipped[0].reason


def test_recorded_flight_is_complete_and_aligned_in_time(recorded):
    source = open_source("euroc", recorded / "sequences/euroc_v101_moving_90")
    frames = list(source)
    assert (len(frames), source.mode, source.skipped) == (90, Mode.MONO, [])
    assert np.median(np.diff([frame.stamp_ns for frame in frames])) == pytest.approx(50e6, rel=1e-3)
    assert [len(frame.imu.stamps_ns) for frame in frames[1:]] == [10] * 89
    assert source.ground_truth.stamps_ns[0] <= frames[0].stamp_ns <= frames[-1].stamp_ns
    assert frames[-1].stamp_ns <= source.ground_truth.stamps_ns[-1]


def test_recorded_stereo_matches_the_rig_file(recorded):
    path = recorded / "sequences/euroc_v101_static_stereo_12"
    own, filed = open_source("euroc", path), open_source("euroc", path, rig=load_rig("euroc"))
    assert (len(list(own)), own.mode, own.skipped) == (12, Mode.STEREO, [])
    assert own.rig.baseline_m == pytest.approx(0.11008, abs=1e-5)  # m
    assert own.rig.left.fx == pytest.approx(filed.rig.left.fx, abs=1e-4)  # px
    np.testing.assert_allclose(own.rig.T_body_cam, filed.rig.T_body_cam, atol=1e-9)
