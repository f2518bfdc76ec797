"""Files of the RealSense SDK, recorded by the SDK itself from a software device and played back by it."""

import time
from dataclasses import replace

import cv2
import numpy as np
import pyrealsense2 as rs
import pytest
from software_camera import (
    COLOR,
    DEPTH,
    EPOCH_NS,
    FRAME_NS,
    GYRO,
    HEIGHT,
    WIDTH,
    Pictures,
    SoftwareCamera,
    picture,
    recorded_by,
    small_rig,
)

from slam.camera import Camera, ImuNoise
from slam.errors import CalibrationError, SourceError
from slam.rig_file import rig_from_intrinsics
from slam.sources import open_source
from slam.sources.camera_options import CameraOptions
from slam.types import ImuSamples, Mode

MODES = list(Mode)
ACCEL = rs.stream.accel


def write(path, source, camera=None, imu_hz=0):
    camera = camera or SoftwareCamera(source, 30, imu_hz)
    with recorded_by(camera, path):
        for i, frame in enumerate(source):
            camera.send(frame, i)
    return path


@pytest.fixture(params=MODES, ids=lambda mode: mode.value)
def both(request, tmp_path):
    """What was recorded, and the source that plays it."""
    source = Pictures(request.param)
    return source, open_source("realsense", write(tmp_path / "small.db3", source))


def test_every_pixel_comes_back(both):
    given, played = both
    frames = list(zip(given, played, strict=True))
    assert len(frames) == len(played) == 12 and not played.skipped and not played.notes
    for a, b in frames:
        assert a.index == b.index
        for name in ("color", "depth_m", "right"):
            x, y = getattr(a, name), getattr(b, name)
            assert (x is None) == (y is None)
            np.testing.assert_array_equal(x, y)
        grey = a.image if a.color is None else cv2.cvtColor(a.color, cv2.COLOR_RGB2GRAY)
        np.testing.assert_array_equal(b.image, grey)


def test_stamps_of_today_come_back_to_the_quarter_microsecond_that_the_sdk_keeps(both):
    given, played = both
    errors_ns = [abs(a.stamp_ns - b.stamp_ns) for a, b in zip(given, played)]
    assert max(errors_ns) <= 250


def test_the_rig_is_the_devices(both):
    given, played = both
    for name in ("fx", "fy", "cx", "cy", "width", "height"):
        assert getattr(played.rig.left, name) == pytest.approx(getattr(given.rig.left, name), rel=1e-6)
    assert played.mode is given.mode and (played.rig.right is None) == (given.rig.right is None)
    assert played.rig.baseline_m == pytest.approx(given.rig.baseline_m, abs=1e-6)
    if given.mode is Mode.RGBD:
        assert played.rig.depth_factor == given.rig.depth_factor


def test_a_slow_reader_gets_every_frame_too(tmp_path):
    played = open_source("realsense", write(tmp_path / "long.db3", Pictures(Mode.RGBD, 60)))
    frames = iter(played)
    first = next(frames)
    time.sleep(0.5)  # the SDK's threads have run full
    assert [first.index, *(frame.index for frame in frames)] == list(range(60))


def test_a_play_that_is_left_early_leaves_nothing_behind(tmp_path):
    played = open_source("realsense", write(tmp_path / "long.db3", Pictures(Mode.MONO, 60)))
    for _ in range(3):
        assert next(iter(played)).index == 0
    assert len(list(played)) == len(played) == 60


def test_the_lens_of_the_file_is_the_recorded_one(tmp_path):
    rig = small_rig(Mode.MONO)
    rig = replace(rig, left=replace(rig.left, distortion=(0.1, -0.05, 0.001, -0.002, 0.01)))
    played = open_source("realsense", write(tmp_path / "bent.db3", Pictures(Mode.MONO, 2, rig)))
    np.testing.assert_allclose(played.rig.left.distortion, rig.left.distortion, rtol=1e-6)


def shifted(camera, x_m):
    """The same software camera whose colour camera is x_m to the right of the depth camera."""
    T_color_depth = np.eye(4)
    T_color_depth[0, 3] = -x_m
    camera.place((DEPTH, 0), (COLOR, 0), T_color_depth)
    return camera


def test_depth_of_another_camera_is_brought_into_the_colour_camera(tmp_path):
    source = Pictures(Mode.RGBD, 2)
    camera = shifted(SoftwareCamera(source, 30), x_m=0.2)
    step = np.full((HEIGHT, WIDTH), 10_000, np.uint16)  # 2 m on the left, 4 m on the right of column 32
    step[:, 32:] = 20_000
    with recorded_by(camera, tmp_path / "far.db3"):
        for i, frame in enumerate(source):
            camera.send_image((DEPTH, 0), step, frame.stamp_ns, i)
            camera.send_image((COLOR, 0), frame.color, frame.stamp_ns, i)
    depth_m = next(iter(open_source("realsense", tmp_path / "far.db3"))).depth_m
    row = depth_m[HEIGHT // 2]  # by fx * x / z = 50.5 * 0.2 / 2 = 5.05 px to the left, half as much at 4 m
    assert np.all(row[:26] == 2.0) and np.all(row[31:60] == 4.0) and np.all(row[62:] == 0.0)


def imu_samples(first_ns, count, hz=200, key=0):
    stamps_ns = first_ns + np.arange(count) * round(1e9 / hz)
    values = np.random.default_rng(key).normal(size=(count, 6)).astype(np.float32).astype(float)
    return ImuSamples(stamps_ns, values[:, :3], values[:, 3:])


def with_imu(count=12):
    """Frames whose IMU has 200 Hz and ends 1 ms before each frame."""
    return Pictures(
        Mode.STEREO, count, imu=[imu_samples(EPOCH_NS + i * FRAME_NS - 31_000_000, 7, key=i) for i in range(count)]
    )


def test_inertial_samples_come_with_the_frame_that_follows_them(tmp_path):
    given = with_imu()
    played = list(open_source("realsense", write(tmp_path / "imu.db3", given, imu_hz=200)))
    stamps_ns = np.concatenate([frame.imu.stamps_ns for frame in given])
    found_ns = np.concatenate([frame.imu.stamps_ns for frame in played])
    np.testing.assert_allclose(found_ns, stamps_ns[: len(found_ns)], atol=250, rtol=0)
    for a, b in zip(given, played[:-1]):
        np.testing.assert_allclose(b.imu.gyro_rad_s, a.imu.gyro_rad_s, atol=1e-6)
        np.testing.assert_allclose(b.imu.accel_m_s2, a.imu.accel_m_s2, atol=1e-4)
        assert b.imu.stamps_ns[-1] <= b.stamp_ns


def test_accelerations_of_a_slower_sensor_are_interpolated(tmp_path):
    source = Pictures(Mode.STEREO, 12)
    camera = SoftwareCamera(source, 30, 200)
    with recorded_by(camera, tmp_path / "imu.db3"):
        for i, frame in enumerate(source):
            for k in range(7):
                at_ns = frame.stamp_ns + k * 5_000_000
                camera.send_motion(GYRO, at_ns, np.array([0.1, 0.2, 0.3]))
                if k % 2 == 0:
                    camera.send_motion(ACCEL, at_ns, np.array([(at_ns - EPOCH_NS) * 1e-9, 9.8, 0.0]))
            camera.send(frame, i)
    samples = [frame.imu for frame in open_source("realsense", tmp_path / "imu.db3")]
    stamps_ns = np.concatenate([part.stamps_ns for part in samples])
    accel = np.concatenate([part.accel_m_s2 for part in samples])
    assert len(stamps_ns) > 60 and np.all(np.diff(stamps_ns) > 0)
    np.testing.assert_allclose(accel[:, 0], (stamps_ns - EPOCH_NS) * 1e-9, atol=1e-5)


def test_frames_do_not_wait_for_ever_for_a_silent_inertial_unit(tmp_path):
    source = with_imu()
    given = Pictures(Mode.STEREO, 12, imu=[next(iter(source)).imu, *[None] * 11])
    played = open_source("realsense", write(tmp_path / "imu.db3", given, imu_hz=200))
    frames = list(played)
    assert [frame.index for frame in frames] == list(range(12))
    assert all(len(frame.imu.stamps_ns) == 0 for frame in frames[1:])
    assert any("12 frames have no inertial samples up to their moment" in note for note in played.notes)


def test_where_the_inertial_unit_is_must_come_from_the_user_when_the_file_does_not_say(tmp_path):
    path = write(tmp_path / "imu.db3", with_imu(), imu_hz=200)
    own = open_source("realsense", path)
    assert own.rig.imu is None and "does not say where its inertial unit is" in own.notes[0]
    noise = ImuNoise(1e-4, 1e-3, 1e-5, 1e-4, 200.0)
    rig = replace(small_rig(Mode.STEREO), imu=noise, T_body_cam=np.eye(4))
    assert open_source("realsense", path, rig=rig).rig.imu == noise


def test_an_image_without_its_depth_is_skipped_and_counted(tmp_path):
    source = Pictures(Mode.RGBD)
    camera = SoftwareCamera(source, 30)
    with recorded_by(camera, tmp_path / "holes.db3"):
        for i, frame in enumerate(source):
            camera.send(replace(frame, depth_m=None) if i in (3, 11) else frame, i)
    played = open_source("realsense", tmp_path / "holes.db3", mode=Mode.RGBD)
    assert [frame.index for frame in played] == [0, 1, 2, 4, 5, 6, 7, 8, 9, 10]
    assert [(skip.index, skip.reason) for skip in played.skipped] == [
        (i, f"frame {i}: no depth image within 17 ms") for i in (3, 11)
    ]
    assert len(played) == 12


def test_a_depth_image_without_its_colour_is_left_out(tmp_path):
    source = Pictures(Mode.RGBD)
    camera = SoftwareCamera(source, 30)
    with recorded_by(camera, tmp_path / "more.db3"):
        for i, frame in enumerate(source):
            if i == 5:
                camera.send_image((DEPTH, 0), np.zeros((HEIGHT, WIDTH), np.uint16), frame.stamp_ns, i)
                continue
            camera.send(frame, i)
    played = list(open_source("realsense", tmp_path / "more.db3"))
    assert [frame.stamp_ns for frame in played] == sorted(frame.stamp_ns for frame in played)
    np.testing.assert_array_equal(played[5].depth_m, picture(Mode.RGBD, 6).depth_m)


def test_a_stamp_that_jumps_back_is_skipped(tmp_path):
    class Jumping(Pictures):
        def __iter__(self):
            for frame in super().__iter__():
                yield replace(frame, stamp_ns=frame.stamp_ns - 5 * FRAME_NS if frame.index == 6 else frame.stamp_ns)

    played = open_source("realsense", write(tmp_path / "jump.db3", Jumping(Mode.MONO)))
    assert [frame.index for frame in played] == [i for i in range(12) if i != 6]
    assert "the stamp of frame 6 does not come after" in played.skipped[0].reason


@pytest.mark.parametrize(
    "format, to_bgr",
    [
        ("bgr8", None),
        ("rgba8", cv2.COLOR_RGBA2BGR),
        ("bgra8", cv2.COLOR_BGRA2BGR),
        ("yuyv", cv2.COLOR_YUV2BGR_YUYV),
        ("y8", cv2.COLOR_GRAY2BGR),
    ],
)
def test_colour_in_other_formats_is_read(tmp_path, format, to_bgr):
    channels = {"rgba8": 4, "bgra8": 4, "bgr8": 3, "yuyv": 2, "y8": 1}[format]
    data = np.random.default_rng(3).integers(0, 256, (HEIGHT, WIDTH, channels), np.uint8)
    camera = SoftwareCamera(Pictures(Mode.MONO), 30, color_format=getattr(rs.format, format))
    with recorded_by(camera, tmp_path / "other.db3"):
        camera.send_image((COLOR, 0), data, EPOCH_NS, 0)
    frame = next(iter(open_source("realsense", tmp_path / "other.db3")))
    bgr = data if to_bgr is None else cv2.cvtColor(data, to_bgr)
    np.testing.assert_array_equal(frame.image, cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY))
    assert (frame.color is None) == (format == "y8")


def test_colour_in_a_format_that_cannot_be_read_is_one_clear_error(tmp_path):
    camera = SoftwareCamera(Pictures(Mode.MONO), 30, color_format=rs.format.uyvy)
    with recorded_by(camera, tmp_path / "odd.db3"):
        camera.send_image((COLOR, 0), np.zeros((HEIGHT, WIDTH, 2), np.uint8), EPOCH_NS, 0)
    with pytest.raises(SourceError, match=r"colour images are uyvy, which cannot be read; record them as RGB8"):
        open_source("realsense", tmp_path / "odd.db3")


def test_one_infra_red_camera_is_enough_for_mono(tmp_path):
    source = Pictures(Mode.STEREO)
    played = open_source("realsense", write(tmp_path / "ir.db3", source), mode=Mode.MONO)
    assert played.rig.right is None
    np.testing.assert_array_equal(next(iter(played)).image, next(iter(source)).image)


def test_a_mode_that_was_not_recorded_is_one_clear_error(tmp_path):
    path = write(tmp_path / "rgbd.db3", Pictures(Mode.RGBD, 2))
    with pytest.raises(SourceError, match="stereo needs; use --mode rgbd or mono"):
        open_source("realsense", path, mode=Mode.STEREO)


def test_stereo_that_the_device_did_not_rectify_is_rectified_in_software(tmp_path):
    rig = small_rig(Mode.STEREO)
    bent = replace(rig.left, distortion=(0.05, 0.0, 0.0, 0.0, 0.0))
    played = open_source(
        "realsense", write(tmp_path / "raw.db3", Pictures(Mode.STEREO, 3, replace(rig, left=bent, right=bent)))
    )
    assert any("rectified" in note for note in played.notes)
    assert not played.rig.left.is_distorted and played.rig.baseline_m == pytest.approx(0.1, abs=1e-6)
    frame = next(iter(played))
    assert frame.image.shape == frame.right.shape == (HEIGHT, WIDTH)


def test_the_users_rig_wins_and_a_note_says_so(tmp_path):
    path = write(tmp_path / "mono.db3", Pictures(Mode.MONO, 2))
    rig = rig_from_intrinsics([48.0, 48.0, 31.0, 23.0])
    played = open_source("realsense", path, rig=rig)
    assert (played.rig.left.fx, played.rig.left.width) == (48.0, WIDTH)
    assert "rig intrinsics is used in place of the device's own" in played.notes[0]
    with pytest.raises(CalibrationError, match="64x48 but rig big is for 640x480"):
        open_source("realsense", path, rig=replace(rig, name="big", left=Camera(640, 480, 500, 500, 320, 240)))


def test_what_a_file_cannot_be_asked_for_is_told(tmp_path):
    path = write(tmp_path / "mono.db3", Pictures(Mode.MONO, 2))
    played = open_source("realsense", None, camera=CameraOptions(width=640, emitter=False, file=path))
    assert "plays as it was recorded; width, emitter cannot be chosen" in played.notes[0]
    with pytest.raises(SourceError, match="two files are named"):
        open_source("realsense", path, camera=CameraOptions(file=path))


def test_stamps_are_of_the_middle_of_the_exposure_where_the_device_knows_it(tmp_path):
    source = Pictures(Mode.STEREO, 3)
    camera = SoftwareCamera(source, 30)
    stereo = camera.sensors["Stereo Module"]
    with recorded_by(camera, tmp_path / "middle.db3"):
        for i, (frame, before_us) in enumerate(zip(source, (4_000, 4_000, 400_000))):
            stereo.set_metadata(rs.frame_metadata_value.frame_timestamp, 1_000_000)
            stereo.set_metadata(rs.frame_metadata_value.sensor_timestamp, 1_000_000 - before_us)
            camera.send(frame, i)
    frames = list(open_source("realsense", tmp_path / "middle.db3"))
    moved_ns = [a.stamp_ns - b.stamp_ns for a, b in zip(source, frames, strict=True)]
    np.testing.assert_allclose(moved_ns, [4_000_000, 4_000_000, 0], atol=250)  # 400 ms is no exposure: not believed


@pytest.mark.parametrize("domain, what", [("hardware_clock", "drifts"), ("system_time", "jitters")])
def test_stamps_of_another_clock_are_told(tmp_path, domain, what):
    source = Pictures(Mode.STEREO, 2)
    camera = SoftwareCamera(source, 30)
    camera.domain = getattr(rs.timestamp_domain, domain)
    played = open_source("realsense", write(tmp_path / "clock.db3", source, camera))
    list(played)
    assert sum(what in note for note in played.notes) == 1


def test_what_is_no_recording_is_one_clear_error(tmp_path):
    whole = write(tmp_path / "whole.db3", Pictures(Mode.RGBD, 12)).read_bytes()
    for name, data in {
        "cut.db3": whole[: len(whole) // 2],
        "text.bag": b"#ROSBAG V3.0\n",
        "text.db3": b"no",
        "empty.db3": b"",
    }.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(SourceError, match=rf"{name}: (cannot be played|holds no)"):
            list(open_source("realsense", tmp_path / name))
    (tmp_path / "video.mp4").write_bytes(b"no")
    with pytest.raises(SourceError, match=r"names end in .db3 or .bag"):
        open_source("realsense", tmp_path / "video.mp4")
    with pytest.raises(SourceError, match="is not a file"):
        open_source("realsense", None, camera=CameraOptions(file=tmp_path / "nowhere.db3"))


def test_a_file_in_which_a_stream_is_empty_is_one_clear_error(tmp_path):
    camera = SoftwareCamera(Pictures(Mode.RGBD), 30)
    with recorded_by(camera, tmp_path / "half.db3"):
        camera.send_image((DEPTH, 0), np.zeros((HEIGHT, WIDTH), np.uint16), EPOCH_NS, 0)
    with pytest.raises(SourceError, match="where its Depth is to its Color; a file in which one of them is empty"):
        open_source("realsense", tmp_path / "half.db3")
    with recorded_by(camera, tmp_path / "apart.db3"):
        camera.send_image((DEPTH, 0), np.zeros((HEIGHT, WIDTH), np.uint16), EPOCH_NS, 0)
        camera.send_image((COLOR, 0), np.zeros((HEIGHT, WIDTH, 3), np.uint8), EPOCH_NS + FRAME_NS, 1)
    with pytest.raises(SourceError, match="no frame can be used; frame 0: no depth image within 17 ms"):
        open_source("realsense", tmp_path / "apart.db3")


def test_a_file_without_images_is_one_clear_error(tmp_path):
    camera = SoftwareCamera(Pictures(Mode.MONO), 30)
    with recorded_by(camera, tmp_path / "nothing.db3"):
        pass
    rs.recorder(str(tmp_path / "never_started.db3"), camera.device)
    for name in ("nothing", "never_started"):
        with pytest.raises(SourceError, match="holds no images that can be used"):
            open_source("realsense", tmp_path / f"{name}.db3")
