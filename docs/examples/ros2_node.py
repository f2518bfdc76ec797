"""A ROS 2 node: image, depth and camera_info in; pose out. Needs rclpy, message_filters and cv2 of this package.

ros2 run needs no package for it: python ros2_node.py --ros-args -r image:=/camera/color/image_raw \
    -r depth:=/camera/aligned_depth_to_color/image_raw -r camera_info:=/camera/color/camera_info

The functions above the node map messages to our types and back, and need no ROS: they are tested without it.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from slam import Camera, Frame, Mode, Rig, Slam, Track

TO_GREY = {"mono8": None, "8UC1": None, "rgb8": cv2.COLOR_RGB2GRAY, "bgr8": cv2.COLOR_BGR2GRAY}
DISTORTION = {"plumb_bob": "radtan", "equidistant": "kannala_brandt"}
# REP 103: the map's x is forward, y left, z up; our world has the first camera's axes: x right, y down, z forward.
T_MAP_WORLD = np.array([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]])


def stamp_ns(header: Any) -> int:
    """Nanoseconds of a std_msgs/Header."""
    return header.stamp.sec * 1_000_000_000 + header.stamp.nanosec


def pixels(message: Any) -> np.ndarray:
    """(H, W) or (H, W, 3) of a sensor_msgs/Image; rows may be padded, 16 bits may be big-endian."""
    kind = {"16UC1": "u2", "mono16": "u2", "32FC1": "f4"}.get(message.encoding, "u1")
    dtype = np.dtype((">" if message.is_bigendian else "<") + kind)
    channels = 3 if message.encoding in ("rgb8", "bgr8") else 1
    rows = np.frombuffer(bytes(message.data), np.uint8).reshape(message.height, message.step)
    used = np.ascontiguousarray(rows[:, : message.width * channels * dtype.itemsize]).view(dtype)
    shape = (message.height, message.width, channels) if channels > 1 else (message.height, message.width)
    return used.astype(dtype.newbyteorder("=")).reshape(shape)


def grey(message: Any) -> np.ndarray:
    """(H, W) uint8. Raises ValueError for an encoding that is no picture."""
    if message.encoding not in TO_GREY:
        raise ValueError(f"image encoding {message.encoding}: is unknown; known: {', '.join(TO_GREY)}")
    conversion = TO_GREY[message.encoding]
    return pixels(message) if conversion is None else cv2.cvtColor(pixels(message), conversion)


def depth_m(message: Any) -> np.ndarray:
    """(H, W) float32 metres, 0 where unknown: 16UC1 is in millimetres, 32FC1 in metres (REP 118)."""
    raw = pixels(message)
    metres = raw.astype(np.float32) * np.float32(1e-3) if message.encoding in ("16UC1", "mono16") else raw
    return np.nan_to_num(metres, nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32)


def frame_of(index: int, image: Any, depth: Any | None = None) -> Frame:
    return Frame(index, stamp_ns(image.header), grey(image), depth_m=None if depth is None else depth_m(depth))


def rig_of(info: Any) -> Rig:
    """The rig of a sensor_msgs/CameraInfo. Raises ValueError for a distortion that is not ours."""
    if info.distortion_model not in DISTORTION:
        raise ValueError(f"distortion {info.distortion_model}: is unknown; known: {', '.join(DISTORTION)}")
    k = info.k
    camera = Camera(
        info.width, info.height, k[0], k[4], k[2], k[5], DISTORTION[info.distortion_model], tuple(map(float, info.d))
    )
    return Rig(info.header.frame_id or "ros", camera, depth_factor=1000.0)


def pose_of(track: Track) -> tuple[np.ndarray, np.ndarray]:
    """Position and quaternion (x, y, z, w) of the camera's optical frame in the map, as geometry_msgs/Pose has them."""
    T_map_cam = T_MAP_WORLD @ track.T_world_cam
    return T_map_cam[:3, 3], Rotation.from_matrix(T_map_cam[:3, :3]).as_quat()


def main() -> None:
    import rclpy
    from geometry_msgs.msg import PoseStamped
    from message_filters import ApproximateTimeSynchronizer, Subscriber
    from rclpy.node import Node
    from rclpy.qos import qos_profile_sensor_data
    from sensor_msgs.msg import CameraInfo, Image

    class SlamNode(Node):
        """Waits for one camera_info, then answers every image; with ``rgbd`` false, depth is not waited for."""

        def __init__(self) -> None:
            super().__init__("earlybird_slam")
            self.slam: Slam | None = None
            self.index = 0
            self.is_rgbd = self.declare_parameter("rgbd", True).value
            self.poses = self.create_publisher(PoseStamped, "pose", 10)
            self.create_subscription(CameraInfo, "camera_info", self.on_info, 10)
            if self.is_rgbd:
                both = [
                    Subscriber(self, Image, name, qos_profile=qos_profile_sensor_data) for name in ("image", "depth")
                ]
                self.pairs = ApproximateTimeSynchronizer(both, queue_size=5, slop=0.02)
                self.pairs.registerCallback(self.on_image)
            else:
                self.create_subscription(Image, "image", self.on_image, qos_profile_sensor_data)

        def on_info(self, info: CameraInfo) -> None:
            if self.slam is None:
                self.slam = Slam(rig_of(info), Mode.RGBD if self.is_rgbd else Mode.MONO)

        def on_image(self, image: Image, depth: Image | None = None) -> None:
            if self.slam is None:
                return
            track = self.slam.process(frame_of(self.index, image, depth))
            self.index += 1
            if not track.is_tracked:
                self.get_logger().warning(f"{track.status.value}: {track.reason}", throttle_duration_sec=1.0)
                return
            message = PoseStamped()
            message.header.stamp, message.header.frame_id = image.header.stamp, "map"
            place, turn = pose_of(track)
            (message.pose.position.x, message.pose.position.y, message.pose.position.z) = map(float, place)
            orientation = message.pose.orientation
            orientation.x, orientation.y, orientation.z, orientation.w = map(float, turn)
            self.poses.publish(message)

    rclpy.init()
    node = SlamNode()
    try:
        rclpy.spin(node)
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()
