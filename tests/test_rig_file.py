"""Rig files: all that come with the program load, and what is wrong with others is said."""

import tomllib

import numpy as np
import pytest

from slam.camera import KANNALA_BRANDT
from slam.data_files import data_dir
from slam.errors import CalibrationError, SlamError
from slam.rig_file import load_rig, rig_from_intrinsics, rig_names, write_rig
from slam.sources import SOURCES

LEFT = "[left]\nwidth = 64\nheight = 48\nintrinsics = [50, 50, 32, 24]\n"


def refused(tmp_path, text):
    """The complaint about a rig file with this text."""
    (tmp_path / "rig.toml").write_text(text)
    with pytest.raises(CalibrationError) as error:
        load_rig(tmp_path / "rig.toml")
    assert "rig.toml" in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("name", rig_names())
def test_every_rig_of_the_program_loads_and_survives_writing(name, tmp_path):
    rig = load_rig(name)
    write_rig(rig, tmp_path / f"{name}.toml")
    again = load_rig(tmp_path / f"{name}.toml")
    assert (again.name, again.left, again.right, again.imu) == (name, rig.left, rig.right, rig.imu)
    assert (again.depth_factor, again.depth_invalid) == (rig.depth_factor, rig.depth_invalid)
    for field in ("T_left_right", "T_body_cam"):
        np.testing.assert_array_equal(getattr(again, field), getattr(rig, field))


def test_the_promised_rigs_are_there():
    promised = {"tum_fr1", "tum_fr2", "tum_fr3", "euroc", "kitti_00", "sevenscenes", "webcam"}
    assert promised | {"realsense_d435", "realsense_d435i"} <= set(rig_names())


@pytest.mark.parametrize("path", sorted(data_dir("datasets").glob("*.toml")), ids=lambda path: path.stem)
def test_every_data_set_names_a_source_and_rigs_that_exist(path):
    values = tomllib.loads(path.read_text())
    assert values["source"] in SOURCES
    assert all(values[key] for key in ("name", "layout", "ground_truth", "licence", "home"))
    for group in values["sequences"]:
        assert group["names"]
        assert not group["rig"] or load_rig(group["rig"])


def test_seven_scenes_has_millimetres_and_two_invalid_values():
    rig = load_rig("sevenscenes")
    assert (rig.depth_factor, rig.depth_invalid, rig.left.fx) == (1000.0, (0, 65535), 585.0)


def test_the_d435i_is_a_d435_with_the_inertial_unit_of_its_data_sheet():
    rig, plain = load_rig("realsense_d435i"), load_rig("realsense_d435")
    for same in ("left", "depth_factor", "depth_invalid", "depth_baseline_m"):
        assert getattr(rig, same) == getattr(plain, same)
    assert plain.imu is None and rig.imu is not None
    assert rig.imu.gyro_density == pytest.approx(np.deg2rad(0.014), rel=1e-3)
    assert rig.imu.accel_density == pytest.approx(150e-6 * 9.80665, rel=1e-3)
    np.testing.assert_array_equal(rig.T_body_cam[:3, :3], np.eye(3))
    assert np.linalg.norm(rig.T_body_cam[:3, 3]) < 0.03  # m


def test_a_misspelt_name_gets_a_suggestion():
    with pytest.raises(CalibrationError, match="did you mean 'tum_fr1'"):
        load_rig("tum_f1")


def test_a_missing_file_is_one_clear_error(tmp_path):
    with pytest.raises(CalibrationError, match="cannot be read"):
        load_rig(tmp_path / "none.toml")


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("[left", "not valid TOML"),
        ("", r"[left] is missing"),
        (LEFT.replace("width = 64\n", ""), "width is missing"),
        (LEFT.replace("intrinsics", "intrinsic"), "did you mean 'intrinsics'"),
        (LEFT + "[dept]\nfactor = 1\n", "did you mean 'depth'"),
        (LEFT.replace("24]", "nan]"), "4 finite numbers"),
        (LEFT.replace(", 24]", "]"), "4 finite numbers"),
        (LEFT.replace("[50,", "[-50,"), "must be positive"),
        (LEFT.replace("32,", "320,"), "outside the image"),
        (LEFT.replace("64", "64.5"), "whole numbers"),
        (LEFT + 'distortion_model = "omni"\n', "'omni' is unknown"),
        (LEFT + "distortion = [1, 2, 3]\n", "0 or 4 or 5"),
        (LEFT + "[depth]\nfactor = 0\n", "positive number"),
        (LEFT + "[imu]\nrate_hz = 200\n", "gyro_density is missing"),
        (LEFT + LEFT.replace("left", "right"), "T_left_right is missing"),
        ("T_body_cam = [1, 2, 3]\n" + LEFT, "16 numbers"),
        (f"T_body_cam = {np.diag([1, 1, -1, 1]).tolist()}\n" + LEFT, "not a rotation"),
        ("left = 3\n", "must be a table"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(tmp_path, text, complaint):
    message = refused(tmp_path, text)
    assert complaint in message
    assert "\n" not in message


def test_transforms_may_be_flat_or_in_rows(tmp_path):
    (tmp_path / "rig.toml").write_text(f"T_body_cam = {np.eye(4).ravel().tolist()}\n" + LEFT)
    np.testing.assert_array_equal(load_rig(tmp_path / "rig.toml").T_body_cam, np.eye(4))


def test_fisheye_needs_its_model(tmp_path):
    (tmp_path / "rig.toml").write_text(LEFT + 'distortion_model = "kannala_brandt"\ndistortion = [1, 2, 3, 4]\n')
    assert load_rig(tmp_path / "rig.toml").left.distortion_model == KANNALA_BRANDT


@pytest.mark.parametrize("intrinsics, distortion", [([1, 2, 3], []), ([500, 500, 320, 240], [1]), ([0, 1, 2, 3], [])])
def test_wrong_intrinsics_are_one_clear_error(intrinsics, distortion):
    with pytest.raises(CalibrationError, match="--intrinsics"):
        rig_from_intrinsics(intrinsics, distortion)


def test_unknown_data_is_one_clear_error():
    with pytest.raises(SlamError, match="known: calib, datasets, launch"):
        data_dir("calibration")
