"""Small recordings that the tests write themselves: 12 frames of noise, 64x48, 30 Hz, one per layout."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from small_images import FRAMES, HEIGHT, IMU_SENSOR, SENSOR, STAMPS_NS, WIDTH, write_depth, write_image

from slam.rig_file import rig_from_intrinsics, write_rig
from slam.trajectory import seconds_text
from slam.types import Mode


@pytest.fixture
def tum_folder(tmp_path: Path) -> Path:
    """TUM layout with depth of 2 m, its own rig.toml and ground truth along x."""
    folder = tmp_path / "tum"
    rgb, depth, gt = ["# rgb\n"], ["# depth\n"], ["# poses\n"]
    for i, stamp_ns in enumerate(STAMPS_NS):
        write_image(folder / f"rgb/{i}.png", i, channels=3)
        write_depth(folder / f"depth/{i}.png", 10000)
        rgb.append(f"{seconds_text(stamp_ns)} rgb/{i}.png\n")
        depth.append(f"{seconds_text(stamp_ns + 5_000_000)} depth/{i}.png\n")
        gt.append(f"{seconds_text(stamp_ns)} {0.1 * i} 0 0 0 0 0 1\n")
    for name, lines in {"rgb": rgb, "depth": depth, "groundtruth": gt}.items():
        (folder / f"{name}.txt").write_text("".join(lines))
    write_rig(rig_from_intrinsics([50, 50, 32, 24], (), (WIDTH, HEIGHT)), folder / "rig.toml")
    return folder


@pytest.fixture
def euroc_folder(tmp_path: Path) -> Path:
    """EuRoC layout, stereo with a baseline of 0.1 m along the camera's x, IMU at 200 Hz, body poses along x."""
    mav = tmp_path / "euroc" / "mav0"
    for number, x in ((0, 0.0), (1, 0.1)):
        camera = mav / f"cam{number}"
        for i, stamp_ns in enumerate(STAMPS_NS):
            write_image(camera / f"data/{stamp_ns}.png", 100 * number + i)
        lines = [f"{stamp_ns},{stamp_ns}.png\r\n" for stamp_ns in STAMPS_NS]
        (camera / "data.csv").write_text("#timestamp [ns],filename\r\n" + "".join(lines))
        (camera / "sensor.yaml").write_text(SENSOR.format(x=x, y=0.0, model="radial-tangential"))
    stamps_ns = range(STAMPS_NS[0] - 50_000_000, STAMPS_NS[-1] + 50_000_000, 5_000_000)
    (mav / "imu0").mkdir()
    (mav / "imu0/data.csv").write_text("#t\n" + "".join(f"{t},0.1,0.2,0.3,9.8,0,0\n" for t in stamps_ns))
    (mav / "imu0/sensor.yaml").write_text(IMU_SENSOR)
    (mav / "state_groundtruth_estimate0").mkdir()
    poses = "".join(f"{t},{i},0,0,1,0,0,0,0,0,0,0,0,0,0,0,0\n" for i, t in enumerate(stamps_ns))
    (mav / "state_groundtruth_estimate0/data.csv").write_text("#t\n" + poses)
    return mav.parent


@pytest.fixture
def kitti_folder(tmp_path: Path) -> Path:
    """KITTI layout, stereo with a baseline of 0.5 m, 10 Hz, poses along z."""
    folder = tmp_path / "kitti"
    for i in range(FRAMES):
        write_image(folder / f"image_0/{i:06d}.png", i)
        write_image(folder / f"image_1/{i:06d}.png", 100 + i)
    (folder / "calib.txt").write_text("P0: 50 0 32 0 0 50 24 0 0 0 1 0\nP1: 50 0 32 -25 0 50 24 0 0 0 1 0\n")
    (folder / "times.txt").write_text("".join(f"{i / 10:.6e}\n" for i in range(FRAMES)))
    (folder / "poses.txt").write_text("".join(f"1 0 0 0 0 1 0 0 0 0 1 {i}\n" for i in range(FRAMES)))
    return folder


@pytest.fixture
def sevenscenes_folder(tmp_path: Path) -> Path:
    """7-Scenes as it comes from upstream, depth of 2 m, poses along x."""
    folder = tmp_path / "seq-01"
    for i in range(FRAMES):
        write_image(folder / f"frame-{i:06d}.color.png", i, 3, (640, 480))
        write_depth(folder / f"frame-{i:06d}.depth.png", 2000, (640, 480))
        (folder / f"frame-{i:06d}.pose.txt").write_text(f"1 0 0 {0.1 * i}\n0 1 0 0\n0 0 1 0\n0 0 0 1\n")
    return folder


@pytest.fixture
def icl_folder(tmp_path: Path) -> Path:
    """ICL-NUIM, depth of 2 m, poses along x."""
    folder = tmp_path / "traj"
    for i in range(FRAMES):
        write_image(folder / f"rgb/{i}.png", i, 3, (640, 480))
        write_depth(folder / f"depth/{i}.png", 10000, (640, 480))
    (folder / "traj.gt.freiburg").write_text("".join(f"{i} {0.1 * i} 0.3 0 0 0 0 1\n" for i in range(FRAMES)))
    return folder


@pytest.fixture
def tartanair_folder(tmp_path: Path) -> Path:
    """TartanAir v2: a pair, depth of 2 m, poses along the NED camera's x, which is forward."""
    folder = tmp_path / "P000"
    depth = np.full((640, 640, 1), 2.0, np.float32).view(np.uint8)
    (folder / "depth_lcam_front").mkdir(parents=True)
    for i in range(FRAMES):
        write_image(folder / f"image_lcam_front/{i:06d}_lcam_front.png", i, 3, (640, 640))
        write_image(folder / f"image_rcam_front/{i:06d}_rcam_front.png", 100 + i, 3, (640, 640))
        cv2.imwrite(str(folder / f"depth_lcam_front/{i:06d}_lcam_front_depth.png"), depth)
    (folder / "pose_lcam_front.txt").write_text("".join(f"{0.1 * i} 0 0 0 0 0 1\n" for i in range(FRAMES)))
    return folder


@pytest.fixture
def tumvi_folder(euroc_folder: Path) -> Path:
    """TUM-VI: EuRoC's layout with 16-bit images of 512x512, mocap0, and no sensor.yaml."""
    mav = euroc_folder / "mav0"
    for camera in ("cam0", "cam1"):
        (mav / camera / "sensor.yaml").unlink()
        for i, stamp_ns in enumerate(STAMPS_NS):
            image = np.random.default_rng(i).integers(0, 65536, (512, 512), dtype=np.uint16)
            cv2.imwrite(str(mav / camera / f"data/{stamp_ns}.png"), image)
    (mav / "imu0/sensor.yaml").unlink()
    (mav / "state_groundtruth_estimate0").rename(mav / "mocap0")
    return euroc_folder


@pytest.fixture
def recorded_folder(tum_folder: Path) -> Path:
    """What a run recorded that had depth, a right image and no IMU."""
    for list_file in ("rgb.txt", "depth.txt"):
        kind = list_file.removesuffix(".txt")
        lines = [f"{seconds_text(stamp_ns)} {kind}/{i}.png\n" for i, stamp_ns in enumerate(STAMPS_NS)]
        (tum_folder / list_file).write_text("".join(lines))
    rights = [f"{seconds_text(stamp_ns)} right/{i}.png\n" for i, stamp_ns in enumerate(STAMPS_NS)]
    (tum_folder / "right.txt").write_text("".join(rights))
    for i in range(FRAMES):
        write_image(tum_folder / f"right/{i}.png", 100 + i)
    rig = rig_from_intrinsics([50, 50, 32, 24], (), (WIDTH, HEIGHT))
    T_left_right = np.eye(4)
    T_left_right[0, 3] = 0.1
    write_rig(replace(rig, right=rig.left, T_left_right=T_left_right), tum_folder / "rig.toml")
    return tum_folder


@pytest.fixture
def realsense_file(tmp_path: Path) -> Path:
    """Colour and depth as the SDK records them; made by a software device of the SDK."""
    from software_camera import Pictures, write_realsense_file

    write_realsense_file(Pictures(Mode.RGBD), tmp_path / "small.db3")
    return tmp_path / "small.db3"


@pytest.fixture
def image_folder(tmp_path: Path) -> Path:
    """Images 1.png to 12.png and a rig.toml."""
    folder = tmp_path / "images"
    for i in range(FRAMES):
        write_image(folder / f"{i + 1}.png", i, channels=3)
    write_rig(rig_from_intrinsics([50, 50, 32, 24], (), (WIDTH, HEIGHT)), folder / "rig.toml")
    return folder


@pytest.fixture
def video_file(image_folder: Path) -> Path:
    """The images as a video of 30 frames per second, beside their rig.toml."""
    path = image_folder / "video.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30.0, (WIDTH, HEIGHT))
    for i in range(FRAMES):
        writer.write(cv2.imread(str(image_folder / f"{i + 1}.png")))
    writer.release()
    return path
