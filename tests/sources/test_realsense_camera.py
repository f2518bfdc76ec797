"""A connected RealSense: the real SDK, with its software device in the place of the hardware."""

import threading
import time
from dataclasses import replace

import numpy as np
import pyrealsense2 as rs
import pytest
from software_camera import COLOR, DEPTH, FPS, GYRO, INFRARED, Pictures, SoftwareCamera, feeding, noise, option_range

from slam.errors import MissingExtraError, SourceError
from slam.geometry import exp_se3, transform
from slam.rig_file import load_rig
from slam.sources import LiveSource, Source, SourceOptions, open_source, realsense, realsense_camera
from slam.sources.camera_options import CameraOptions
from slam.sources.realsense_camera import RealSenseCamera
from slam.sources.realsense_inbox import WAITING
from slam.sources.realsense_listing import device_row, device_rows, the_device
from slam.sources.realsense_rig import camera_of, pose_in
from slam.sources.realsense_settings import apply_settings
from slam.types import ImuSamples, Mode

SMALL = CameraOptions(width=64, height=48)
STEREO_MODULE, COLOR_SENSOR = "Stereo Module", "RGB Camera"


def opened(camera, mode, asked=SMALL, **options):
    return RealSenseCamera(camera.device, SourceOptions(mode=mode, camera=asked, **options))


@pytest.fixture(params=[Mode.RGBD, Mode.STEREO], ids=lambda mode: mode.value)
def live(request):
    """A camera that gives a hundred frames per second."""
    software = SoftwareCamera(Pictures(request.param), FPS)
    with feeding(software, noise(request.param)):
        camera = opened(software, request.param)
        yield camera
        camera.close()


def test_frames_come_as_the_device_gives_them(live):
    frames = [frame for _, frame in zip(range(10), live)]
    assert np.all(np.diff([frame.stamp_ns for frame in frames]) > 0)
    assert np.all(np.diff([frame.index for frame in frames]) > 0)
    assert (live.is_live, len(live), live.fps, live.ground_truth) == (True, 0, 30.0, None)
    for frame in frames:
        assert frame.image.shape == (live.rig.left.height, live.rig.left.width)
        assert (frame.depth_m is None, frame.right is None) == (live.mode is not Mode.RGBD, live.mode is Mode.RGBD)


def test_it_has_what_every_live_source_has(live):
    assert {*Source.__annotations__, *LiveSource.__annotations__} <= set(dir(live))


def test_iterating_again_goes_on_and_counts_anew(live):
    before = [frame for _, frame in zip(range(5), live)][-1]
    after = next(iter(live))
    assert after.stamp_ns > before.stamp_ns and after.index < before.index


def test_closing_ends_the_iteration(live):
    threading.Timer(0.2, live.close).start()
    assert len(list(live)) > 0
    assert list(live) == []


def test_what_a_slow_reader_misses_is_counted(live):
    frames = iter(live)
    first = next(frames)
    time.sleep(0.5)
    later = [next(frames).index for _ in range(WAITING)]
    assert later[-1] - first.index > WAITING
    assert np.all(np.diff(later) > 0)


def test_max_frames_end_it():
    software = SoftwareCamera(Pictures(Mode.STEREO), FPS)
    with feeding(software, noise(Mode.STEREO)):
        camera = opened(software, Mode.STEREO, max_frames=4)
        assert [frame.index for frame in camera][-1] <= 3
        camera.close()


def test_a_camera_that_falls_silent_is_an_error_within_two_seconds():
    software = SoftwareCamera(Pictures(Mode.STEREO), FPS)
    with feeding(software, noise(Mode.STEREO)):
        camera = opened(software, Mode.STEREO)
        frames = iter(camera)
        next(frames)
    start_s = time.monotonic()
    with pytest.raises(SourceError, match=r"is silent, no image for 1.8 s; check the cable"):
        list(frames)
    assert time.monotonic() - start_s < 2.0
    camera.close()


def test_a_camera_that_never_speaks_is_an_error(monkeypatch):
    monkeypatch.setattr(realsense_camera, "FIRST_FRAME_S", 0.2)
    with pytest.raises(SourceError, match=r"is silent, no image for 0.2 s"):
        opened(SoftwareCamera(Pictures(Mode.STEREO), FPS), Mode.STEREO)


def test_a_device_that_another_program_holds_is_one_clear_error():
    software = SoftwareCamera(Pictures(Mode.STEREO), FPS)
    sensor = software.sensors[STEREO_MODULE]
    sensor.open(sensor.get_stream_profiles())
    with pytest.raises(SourceError, match=r"does not start .*; another program may hold it"):
        opened(software, Mode.STEREO)
    sensor.close()


def test_a_size_that_the_device_does_not_have_is_answered_with_those_it_has():
    software = SoftwareCamera(Pictures(Mode.RGBD), FPS)
    with pytest.raises(SourceError, match=r"colour images of 640x480 at 30 Hz; choose with .* among 64x48 at 30 Hz"):
        opened(software, Mode.RGBD, CameraOptions())
    with pytest.raises(SourceError, match="--width and --height belong together"):
        opened(software, Mode.RGBD, CameraOptions(width=64))
    with pytest.raises(SourceError, match="stereo needs; use --mode rgbd or mono"):
        opened(software, Mode.STEREO)


def test_a_camera_on_usb_2_is_told():
    software = SoftwareCamera(Pictures(Mode.STEREO), FPS)
    software.device.register_info(rs.camera_info.usb_type_descriptor, "2.1")
    with feeding(software, noise(Mode.STEREO)):
        camera = opened(software, Mode.STEREO)
        camera.close()
    assert any("hangs on USB 2" in note for note in camera.notes)
    assert "2.1 (slow: use USB 3)" in device_row(software.device)


def test_inertial_samples_of_a_live_camera_come_with_its_frames():
    software = SoftwareCamera(Pictures(Mode.STEREO), FPS, imu_hz=200)
    software.place((INFRARED, 1), (GYRO, 0), transform(np.eye(3), [-0.005, 0.005, 0.012]))
    samples = ImuSamples(np.arange(-6, 1) * 4_700_000, np.full((7, 3), 0.5), np.full((7, 3), 9.8))
    frames = (
        replace(frame, imu=replace(samples, stamps_ns=samples.stamps_ns + frame.stamp_ns))
        for frame in noise(Mode.STEREO)
    )
    with feeding(software, frames):
        camera = opened(software, Mode.STEREO)
        frames = [frame for _, frame in zip(range(5), camera)]
        camera.close()
    assert all(len(frame.imu.stamps_ns) for frame in frames[1:])
    np.testing.assert_allclose(camera.rig.T_body_cam[:3, 3], [-0.005, 0.005, 0.012], atol=1e-7)
    typical = load_rig("realsense_d435i").imu
    assert camera.rig.imu.rate_hz == 200.0 and camera.rig.imu.gyro_density == typical.gyro_density


def test_the_devices_own_noise_is_used_where_it_reports_one():
    intrinsic = rs.motion_device_intrinsic()
    intrinsic.noise_variances, intrinsic.bias_variances = [4e-6] * 3, [1e-10] * 3
    software = SoftwareCamera(Pictures(Mode.STEREO), FPS, imu_hz=200, imu_intrinsic=intrinsic)
    software.place((INFRARED, 1), (GYRO, 0), np.eye(4))
    with feeding(software, noise(Mode.STEREO)):
        camera = opened(software, Mode.STEREO)
        camera.close()
    found = camera.rig.imu
    assert found.gyro_density == pytest.approx(2e-3 / np.sqrt(200), rel=1e-5)  # sigma of a sample / sqrt(rate)
    assert found.gyro_walk == pytest.approx(1e-5 * np.sqrt(200), rel=1e-5)


class Settings:
    """Sensors of the SDK with the options of a D435."""

    def __init__(self):
        software = SoftwareCamera(Pictures(Mode.RGBD), FPS)
        self.software, self.depth, self.color = software, *(software.sensors[n] for n in (STEREO_MODULE, COLOR_SENSOR))
        for option, high in (("visual_preset", 5), ("emitter_enabled", 1), ("exposure", 20_000)):
            self.depth.add_option(getattr(rs.option, option), option_range(0, high), True)
        self.color.add_option(rs.option.exposure, option_range(1, 10_000, default=1), True)
        for sensor in (self.depth, self.color):
            sensor.add_option(rs.option.enable_auto_exposure, option_range(0, 1, default=1), True)
            sensor.add_option(rs.option.global_time_enabled, option_range(0, 1), True)

    def apply(self, mode=Mode.RGBD, **asked):
        return apply_settings([self.depth, self.color], mode, CameraOptions(**asked), "D435")


def test_the_emitter_is_on_for_depth_and_off_for_stereo_unless_asked_otherwise():
    settings = Settings()
    for mode, asked, expected in (
        *((Mode.RGBD, None, 1), (Mode.STEREO, None, 0), (Mode.STEREO, True, 1), (Mode.RGBD, False, 0)),
    ):
        assert settings.apply(mode, emitter=asked) == []
        assert settings.depth.get_option(rs.option.emitter_enabled) == expected
        assert settings.depth.get_option(rs.option.global_time_enabled) == 1.0


def test_a_preset_is_chosen_by_name():
    settings = Settings()
    assert settings.apply(preset="High Accuracy") == []
    assert settings.depth.get_option(rs.option.visual_preset) == int(rs.rs400_visual_preset.high_accuracy)
    with pytest.raises(SourceError, match="has no preset 'high_acuracy'; did you mean 'high_accuracy'"):
        settings.apply(preset="high_acuracy")
    with pytest.raises(SourceError, match="it has custom, default, hand"):
        settings.apply(preset="zzz")


def test_an_exposure_in_milliseconds_reaches_each_sensor_in_its_own_unit():
    settings = Settings()
    assert settings.apply(exposure_ms=8.5) == []
    assert settings.depth.get_option(rs.option.exposure) == 8500.0  # us
    assert settings.color.get_option(rs.option.exposure) == 85.0  # 100 us
    assert settings.depth.get_option(rs.option.enable_auto_exposure) == 0.0


def test_what_the_device_does_not_take_is_told():
    settings = Settings()
    notes = settings.apply(exposure_ms=50.0)
    assert len(notes) == 1 and "exposure 50 ms of its Stereo Module was not taken" in notes[0]
    bare = SoftwareCamera(Pictures(Mode.RGBD), FPS)
    notes = apply_settings(list(bare.sensors.values()), Mode.RGBD, CameraOptions(preset="hand", emitter=True), "D4")
    assert notes == ["D4: has no presets; hand is left out", "D4: has no emitter to switch on"]
    notes = apply_settings([bare.sensors[COLOR_SENSOR]], Mode.MONO, CameraOptions(emitter=True), "D4")
    assert notes == ["D4: preset and emitter belong to its depth sensor, which is not used in mode mono"]


def test_a_setting_that_the_device_answers_with_another_value_is_told():
    settings = Settings()
    stubborn = SoftwareCamera(Pictures(Mode.STEREO), FPS).sensors[STEREO_MODULE]
    stubborn.add_read_only_option(rs.option.emitter_enabled, 1.0)
    notes = apply_settings([stubborn, settings.color], Mode.STEREO, CameraOptions(), "D435")
    assert len(notes) <= 1 and all("emitter off was not taken" in note for note in notes)


def lens(model, coefficients):
    """A device, which must live as long as its stream, and a stream with a lens of the SDK, 640x480."""
    found = rs.intrinsics()
    found.width, found.height, found.fx, found.fy, found.ppx, found.ppy = 640, 480, 390.0, 391.0, 322.0, 241.0
    found.model, found.coeffs = model, coefficients
    video = rs.video_stream()
    video.type, video.uid, video.width, video.height, video.fps, video.bpp = rs.stream.color, 1, 640, 480, 30, 3
    video.fmt, video.intrinsics = rs.format.rgb8, found
    device = rs.software_device()
    return device, device.add_sensor("RGB Camera").add_video_stream(video).as_video_stream_profile()


@pytest.mark.parametrize("model", ["brown_conrady", "inverse_brown_conrady", "modified_brown_conrady"])
def test_a_lens_is_described_as_the_sdk_sees_through_it(model):
    _device, profile = lens(getattr(rs.distortion, model), [-0.055, 0.063, 0.0006, -0.0004, -0.02])
    camera, notes = camera_of(profile, "D455")
    assert notes == []
    for x, y in ((0.0, 0.0), (0.5, -0.3), (-0.6, 0.45), (0.7, 0.5)):
        theirs = rs.rs2_project_point_to_pixel(profile.get_intrinsics(), [x, y, 1.0])
        ours = camera.distort(camera.project(np.array([[x, y, 1.0]])))[0]
        np.testing.assert_allclose(ours, theirs, atol=0.05)  # px


def test_a_lens_without_coefficients_is_a_pinhole_and_an_odd_one_is_told():
    _device, profile = lens(rs.distortion.inverse_brown_conrady, [0.0] * 5)
    assert camera_of(profile, "D435")[0].distortion == ()
    _device, profile = lens(rs.distortion.kannala_brandt4, [-0.3, 0.4, -0.3, 0.1, 0.0])
    _, notes = camera_of(profile, "T265")
    assert len(notes) == 1 and "kannala brandt4 lens" in notes[0] and "slam calibrate" in notes[0]


def test_a_pose_between_streams_moves_points_as_the_sdk_does():
    software = SoftwareCamera(Pictures(Mode.RGBD), FPS)
    T_color_depth = exp_se3(np.array([0.3, -0.2, 0.5, 0.01, 0.02, -0.03]))
    software.place((DEPTH, 0), (COLOR, 0), T_color_depth)
    depth, color = (software.profiles[key, 0] for key in (DEPTH, COLOR))
    theirs = rs.rs2_transform_point_to_point(depth.get_extrinsics_to(color), [0.4, -0.5, 2.0])
    found = pose_in(depth, color, "D435")
    np.testing.assert_allclose(found[:3, :3] @ [0.4, -0.5, 2.0] + found[:3, 3], theirs, atol=1e-6)
    np.testing.assert_allclose(found, T_color_depth, atol=1e-6)


def test_devices_are_listed_and_chosen_by_their_serial_number():
    one, other = (SoftwareCamera(Pictures(Mode.RGBD), FPS).device for _ in range(2))
    other.update_info(rs.camera_info.serial_number, "7")
    name, serial, firmware, usb, streams = device_row(one)
    assert (name, serial, firmware, usb) == ("Software D4xx", "000000000042", "?", "?")
    assert streams == "depth 64x48, colour 64x48"
    assert the_device([one, other], "7") is other and the_device([one], None) is one
    with pytest.raises(SourceError, match="2 cameras; choose with --serial: 000000000042, 7"):
        the_device([one, other], None)
    with pytest.raises(SourceError, match="no camera has serial number 8; there: 000000000042"):
        the_device([one], "8")


@pytest.mark.skipif(bool(device_rows()), reason="a RealSense is connected")
def test_no_camera_is_a_sentence_with_what_to_check():
    with pytest.raises(SourceError, match="no RealSense camera is connected; check the cable"):
        open_source("realsense", None)


def test_a_missing_sdk_is_a_sentence_with_the_command(monkeypatch):
    monkeypatch.setattr(realsense, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'earlybird-slam\[realsense\]'"):
        open_source("realsense", None)
