"""The message mapping of the ROS 2 node, with messages made of the fields that their definitions name."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace as Message

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import slam
from slam.geometry import transform
from slam.types import Track, TrackStatus

FILE = Path(slam.__file__).parents[1] / "docs" / "examples" / "ros2_node.py"
pytestmark = pytest.mark.skipif(not FILE.is_file(), reason="the examples are not installed with the package")
HEADER = Message(stamp=Message(sec=12, nanosec=34), frame_id="camera")


@pytest.fixture(scope="module")
def node():
    spec = importlib.util.spec_from_file_location("ros2_node", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def image(array, encoding, padding=0, big=False):
    raw = np.ascontiguousarray(array.astype(array.dtype.newbyteorder(">" if big else "<")))
    rows = raw.view(np.uint8).reshape(array.shape[0], -1)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=77)
    height, width = array.shape[:2]
    return Message(
        header=HEADER, height=height, width=width, encoding=encoding, is_bigendian=big, step=rows.shape[1],
        data=rows.tobytes(),
    )  # fmt: skip


def test_colours_become_grey_whatever_their_order_and_padding(node):
    rgb = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    from_rgb = node.frame_of(3, image(rgb, "rgb8", padding=5))
    from_bgr = node.frame_of(3, image(rgb[..., ::-1], "bgr8"))
    assert (from_rgb.index, from_rgb.stamp_ns, from_rgb.image.shape) == (3, 12_000_000_034, (6, 8))
    np.testing.assert_array_equal(from_rgb.image, from_bgr.image)


@pytest.mark.parametrize("big", [False, True])
def test_depth_is_in_metres_and_unknown_is_nought(node, big):
    millimetres = np.array([[0, 1500], [65535, 2]], np.uint16)
    grey = np.zeros((2, 2), np.uint8)
    frame = node.frame_of(0, image(grey, "mono8"), image(millimetres, "16UC1", padding=2, big=big))
    np.testing.assert_allclose(frame.depth_m, millimetres * 1e-3, rtol=1e-6)
    metres = np.array([[np.nan, 1.5], [np.inf, 0.25]], np.float32)
    np.testing.assert_array_equal(node.depth_m(image(metres, "32FC1", big=big)), [[0, 1.5], [0, 0.25]])


def test_a_picture_of_an_unknown_kind_is_refused(node):
    with pytest.raises(ValueError, match="image encoding yuv422: is unknown; known: mono8"):
        node.grey(image(np.zeros((2, 2), np.uint8), "yuv422"))


def info(model, d):
    return Message(
        header=HEADER, width=640, height=480, distortion_model=model, d=d, k=[500.0, 0, 320, 0, 510.0, 240, 0, 0, 1]
    )


def test_camera_info_becomes_the_rig(node):
    left = node.rig_of(info("plumb_bob", [0.1, -0.2, 0.001, 0.002, 0.05])).left
    assert (left.fx, left.fy, left.cx, left.cy, left.image_size) == (500.0, 510.0, 320, 240, (640, 480))
    assert (left.distortion_model, left.distortion) == ("radtan", (0.1, -0.2, 0.001, 0.002, 0.05))
    assert node.rig_of(info("equidistant", [0.1, 0, 0, 0])).left.distortion_model == "kannala_brandt"
    with pytest.raises(ValueError, match="distortion rational_polynomial: is unknown"):
        node.rig_of(info("rational_polynomial", [0.0] * 8))


def test_a_pose_in_the_map_has_x_forward_and_z_up(node):
    none = np.zeros(0, np.int64), np.zeros((0, 2), np.float32)
    ahead = transform(np.eye(3), [0.5, -0.25, 2.0])  # right, up, forward in the optical axes of our world
    track = Track(0, 0, TrackStatus.TRACKING, "", ahead, *none, 0, 0, 0, 0, 0.0, -1, {})
    position, quaternion = node.pose_of(track)
    np.testing.assert_allclose(position, [2.0, -0.5, 0.25])
    forward = Rotation.from_quat(quaternion).apply([0.0, 0.0, 1.0])  # the optical axis
    np.testing.assert_allclose(forward, [1.0, 0.0, 0.0], atol=1e-12)
