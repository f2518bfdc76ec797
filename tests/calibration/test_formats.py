"""Other programs' calibration files: each is read as its program means it, and what cannot be held is refused."""

import re

import cv2
import numpy as np
import pytest
import yaml
from board_world import LENS, WIDE
from scipy.spatial.transform import Rotation

from slam.calibration.formats import FORMATS, leaves_out, read_rig, recognised, write_rig_as
from slam.camera import KANNALA_BRANDT, Camera, Rig
from slam.errors import CalibrationError
from slam.geometry import invert, transform
from slam.rig_file import load_rig
from slam.sources.rectify import rectified

T_LEFT_RIGHT = transform(Rotation.from_rotvec([0.01, -0.02, 0.005]).as_matrix(), [0.11, 0.002, -0.001])
T_BODY_CAM = transform(Rotation.from_rotvec([0.3, -1.2, 0.7]).as_matrix(), [0.03, -0.02, 0.05])
MONO = Rig("rig", LENS)
STEREO = Rig(
    "rig", LENS, Camera(640, 480, 510.0, 507.5, 322.0, 240.5, distortion=(-0.23, 0.07, 0.0, 0.001)), T_LEFT_RIGHT
)
FISHEYES = Rig("rig", WIDE, Camera(640, 480, 353.0, 351.0, 310.0, 245.0, KANNALA_BRANDT, (0.02, 0, 0, 0)), T_LEFT_RIGHT)
ON_BODY = Rig("rig", WIDE, FISHEYES.right, T_LEFT_RIGHT, T_BODY_CAM, imu=load_rig("euroc").imu)
FILES = {
    "toml": "rig.toml", "kalibr": "camchain.yaml", "euroc": "sensor.yaml", "opencv": "opencv.yml",
    "ros": "camera_info.yaml", "tum": "camera.txt",
}  # fmt: skip


def written(rig, name, tmp_path):
    path = tmp_path / ("mav0" if name == "euroc" and rig.right is not None else FILES[name])
    assert write_rig_as(rig, path, name) == name
    return path


def same(rig, again, atol=1e-9):
    for one, other in ((rig.left, again.left), (rig.right, again.right)):
        if one is not None:
            assert one.image_size == other.image_size and one.distortion_model == other.distortion_model
            np.testing.assert_allclose(other.K, one.K, rtol=1e-12)
            np.testing.assert_allclose(other.distortion, one.distortion, atol=1e-12)
    for one, other in ((rig.T_left_right, again.T_left_right), (rig.T_body_cam, again.T_body_cam)):
        if one is not None:
            np.testing.assert_allclose(other, one, atol=atol)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("rig", [MONO, Rig("rig", WIDE)], ids=["radtan", "fisheye"])
def test_every_format_gives_a_camera_back_and_is_recognised(name, rig, tmp_path):
    path = written(rig, name, tmp_path)
    assert recognised(path) == name
    same(rig, read_rig(path))
    same(rig, load_rig(path))


@pytest.mark.parametrize("name", ["toml", "kalibr", "euroc", "opencv", "ros"])
@pytest.mark.parametrize("rig", [STEREO, FISHEYES], ids=["radtan", "fisheye"])
def test_stereo_pairs_come_back(name, rig, tmp_path):
    same(rig, read_rig(written(rig, name, tmp_path)))


@pytest.mark.parametrize("name, has_imu", [("toml", True), ("kalibr", False), ("euroc", True)])
def test_the_inertial_unit_comes_back_where_there_is_place(name, has_imu, tmp_path):
    again = read_rig(written(ON_BODY, name, tmp_path))
    same(ON_BODY, again)
    assert (again.imu == ON_BODY.imu) is has_imu
    assert ("the inertial unit's noise" in leaves_out(ON_BODY, name)) is not has_imu


def test_what_a_format_has_no_place_for_is_told():
    assert leaves_out(ON_BODY, "tum") == ["the right camera", "the inertial unit's pose", "the inertial unit's noise"]
    assert leaves_out(load_rig("sevenscenes"), "opencv") == ["depth"]
    assert leaves_out(MONO, "tum") == []


def test_opencv_itself_reads_what_is_written_for_it(tmp_path):
    storage = cv2.FileStorage(str(written(STEREO, "opencv", tmp_path)), cv2.FILE_STORAGE_READ)
    T_right_left = invert(T_LEFT_RIGHT)
    point = np.array([[0.3, -0.2, 2.0]])
    R, T = storage.getNode("R").mat(), storage.getNode("T").mat()
    np.testing.assert_allclose(R @ point[0] + T.ravel(), T_right_left[:3, :3] @ point[0] + T_right_left[:3, 3])
    np.testing.assert_allclose(storage.getNode("M2").mat(), STEREO.right.K)


def test_ros_rectification_is_that_of_the_frames_handed_out(tmp_path):
    path = written(STEREO, "ros", tmp_path)
    right = yaml.safe_load((tmp_path / "camera_info_right.yaml").read_text())
    P = np.reshape(right["projection_matrix"]["data"], (3, 4))
    rig, _ = rectified(STEREO)
    assert (P[0, 0], P[0, 2]) == pytest.approx((rig.left.fx, rig.left.cx))
    assert -P[0, 3] / P[0, 0] == pytest.approx(rig.baseline_m)
    assert yaml.safe_load(path.read_text())["distortion_coefficients"]["cols"] == 5


KALIBR = """%YAML:1.0
cam0:
  camera_model: pinhole
  intrinsics: [458.654, 457.296, 367.215, 248.375]
  distortion_model: radtan
  distortion_coeffs: [-0.28340811, 0.07395907, 0.00019359, 1e-05]
  T_cam_imu: [[0, -1, 0, 0.1], [1, 0, 0, 0.2], [0, 0, 1, 0.3], [0, 0, 0, 1]]
  timeshift_cam_imu: 0.0
  rostopic: /cam0/image_raw
  resolution: [752, 480]
"""
ROS_DUMP = """
width: 640
height: 480
distortion_model: plumb_bob
D: [-0.24, 0.08, 0.0009, -0.0006, 0.0]
K: [512.3, 0.0, 327.4, 0.0, 508.9, 233.8, 0.0, 0.0, 1.0]
"""


def test_kalibr_means_the_way_from_the_unit_into_the_camera(tmp_path):
    (tmp_path / "chain.yaml").write_text(KALIBR)
    rig = load_rig(tmp_path / "chain.yaml")
    assert rig.name == "chain" and rig.left.distortion[3] == 1e-5
    np.testing.assert_allclose(rig.T_body_cam @ [0.1, 0.2, 0.3, 1.0], [0, 0, 0, 1], atol=1e-12)
    other = KALIBR.replace("T_cam_imu", "T_imu_cam")
    (tmp_path / "open_vins.yaml").write_text(other)
    np.testing.assert_allclose(load_rig(tmp_path / "open_vins.yaml").T_body_cam, invert(rig.T_body_cam), atol=1e-12)


def test_a_message_of_ros_is_read_too(tmp_path):
    (tmp_path / "message.yaml").write_text(ROS_DUMP)
    same(MONO, read_rig(tmp_path / "message.yaml"))


def test_the_line_of_tums_table_has_the_size_of_the_images(tmp_path):
    (tmp_path / "freiburg1.txt").write_text(
        "# fx fy cx cy d0 d1 d2 d3 d4\n517.3 516.5 318.6 255.3 0.2624 -0.9531 -0.0054 0.0026 1.1633\n"
    )
    left = load_rig(tmp_path / "freiburg1.txt").left
    assert (left.image_size, left.fx, left.distortion[4]) == ((0, 0), 517.3, 1.1633)


def test_shares_of_the_size_are_counted_from_the_edge(tmp_path):
    (tmp_path / "camera.txt").write_text("Pinhole 0.8 1.0 0.5 0.5 0\n640 480\ncrop\n640 480\n")
    left = load_rig(tmp_path / "camera.txt").left
    assert (left.fx, left.fy, left.cx, left.cy) == (512.0, 480.0, 319.5, 239.5)


K3 = Rig("rig", Camera(640, 480, 500.0, 500.0, 320.0, 240.0, distortion=(-0.3, 0.1, 0.0, 0.0, -0.02)))


@pytest.mark.parametrize("name", ["kalibr", "euroc"])
def test_k3_is_refused_where_there_is_no_place_for_it(name, tmp_path):
    with pytest.raises(CalibrationError, match=r"has no k3, and this lens has -0\.02"):
        write_rig_as(K3, tmp_path / "out.yaml", name)


def test_k3_survives_elsewhere(tmp_path):
    for name in ("toml", "opencv", "ros"):
        same(K3, read_rig(written(K3, name, tmp_path)))
    assert read_rig(written(K3, "tum", tmp_path)).left.distortion == K3.left.distortion


REFUSED = [
    ("chain.yaml", KALIBR.replace("pinhole", "omni"), "camera_model is 'omni'"),
    ("chain.yaml", KALIBR.replace("radtan", "fov"), "'fov' cannot be held"),
    ("chain.yaml", KALIBR.replace("[752, 480]", "752"), r"must be \[width, height\]"),
    ("chain.yaml", KALIBR.replace("  resolution: [752, 480]\n", ""), "resolution is missing"),
    ("chain.yaml", KALIBR + "cam1: {camera_model: pinhole}\n", "T_cn_cnm1 is missing"),
    ("chain.yaml", KALIBR + "cam2: {}\n", "more than two cameras"),
    ("chain.yaml", KALIBR.replace("1e-05]", "x]"), "must be N numbers"),
    ("chain.yaml", KALIBR.replace("1e-05]", ".nan]"), "NaN or infinity"),
    ("info.yaml", ROS_DUMP.replace("plumb_bob", "rational_polynomial"), "'rational_polynomial' cannot be held"),
    ("info.yaml", ROS_DUMP.replace("0.0]\nK", "0.0, 0.1, 0.2, 0.3]\nK"), "rational or thin prism model"),
    ("info.yaml", ROS_DUMP.replace("-0.24, 0.08, 0.0009, ", ""), "takes 4 or 5 coefficients, got 2"),
    ("info.yaml", ROS_DUMP.replace("[512.3, 0.0,", "[512.3, 3.0,"), "has skew"),
    ("cam.txt", "FOV 0.5 0.6 0.5 0.5 0.9\n640 480\n", "'FOV' cannot be held"),
    ("cam.txt", "RadTan 500 500 320 240 0 0 0 0\n", "size is missing"),
    ("cam.txt", "500 500 320\n", "has 3 columns"),
    ("some.yaml", "hello: 1\n", "is none of: toml, kalibr"),
    ("some.yaml", "- 1\n- 2\n", "holds no calibration"),
    ("some.yaml", "a: [1\n", "not valid YAML"),
    ("both.yaml", KALIBR + ROS_DUMP, "could be kalibr or ros; say which with --from"),
]


@pytest.mark.parametrize("name, text, complaint", REFUSED, ids=[row[2][:24] for row in REFUSED])
def test_what_cannot_be_read_is_one_sentence(name, text, complaint, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(CalibrationError, match=complaint) as error:
        load_rig(tmp_path / name)
    assert "\n" not in str(error.value) and name in str(error.value)


def test_a_format_by_name_must_be_in_the_file(tmp_path):
    (tmp_path / "info.yaml").write_text(ROS_DUMP)
    with pytest.raises(CalibrationError, match="has no cam0"):
        read_rig(tmp_path / "info.yaml", "kalibr")
    with pytest.raises(CalibrationError, match="format 'kalib' is unknown"):
        read_rig(tmp_path / "info.yaml", "kalib")
    (tmp_path / "empty.txt").write_text("# nothing\n")
    with pytest.raises(CalibrationError, match="is empty"):
        read_rig(tmp_path / "empty.txt", "tum")


@pytest.mark.parametrize(
    "name, format", [("a/camchain-x.yaml", "kalibr"), ("camera_info.yml", "ros"), ("a.txt", "tum")]
)
def test_the_name_of_the_file_says_the_format(name, format, tmp_path):
    assert write_rig_as(MONO, tmp_path / name) == format
    with pytest.raises(CalibrationError, match="give it with --to"):
        write_rig_as(MONO, tmp_path / "out.yaml")


def test_rigs_that_a_format_cannot_hold_are_one_sentence(tmp_path):
    with pytest.raises(CalibrationError, match="takes a file each; name a folder"):
        write_rig_as(STEREO, tmp_path / "sensor.yaml")
    with pytest.raises(CalibrationError, match="name the left one's file"):
        write_rig_as(STEREO, tmp_path / "camera_info_right.yaml")
    mixed = Rig("rig", LENS, FISHEYES.right, T_LEFT_RIGHT)
    with pytest.raises(CalibrationError, match="one model for both cameras"):
        write_rig_as(mixed, tmp_path / "opencv.yml")


def test_a_ros_pair_that_was_not_calibrated_together_is_one_sentence(tmp_path):
    write_rig_as(MONO, tmp_path / "left.yaml", "ros")
    write_rig_as(MONO, tmp_path / "right.yaml", "ros")
    with pytest.raises(CalibrationError, match="projection_matrix has no baseline"):
        read_rig(tmp_path / "left.yaml")


def test_millimetres_of_opencv_are_noticed(tmp_path):
    path = written(STEREO, "opencv", tmp_path)
    path.write_text(
        re.sub(r"(T: !!opencv-matrix.*?data: \[)[^]]*", r"\g<1>-110., 0., 0. ", path.read_text(), flags=re.S)
    )
    with pytest.raises(CalibrationError, match="would be 110 m apart; T must be in metres"):
        read_rig(path)
