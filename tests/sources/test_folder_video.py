"""Image folders and videos: order, stamps, and the camera that must be named."""

import pytest
from small_images import write_image

from slam.errors import CalibrationError, SourceError
from slam.rig_file import load_rig, rig_from_intrinsics
from slam.sources import open_source
from slam.sources.folder import natural_key


def test_names_sort_as_people_count():
    names = ["10.png", "2.png", "a10b1.png", "a2b3.png", "1.png"]
    assert sorted(names, key=natural_key) == ["1.png", "2.png", "10.png", "a2b3.png", "a10b1.png"]


def test_images_get_nominal_stamps(image_folder):
    assert [f.stamp_ns for f in open_source("folder", image_folder)][:3] == [0, 33_333_333, 66_666_667]
    assert [f.stamp_ns for f in open_source("folder", image_folder, fps=10)][:2] == [0, 100_000_000]


def test_long_numbers_in_names_are_nanoseconds(tmp_path):
    stamps_ns = [1403715285262142976, 1403715285312143104]
    for stamp_ns in stamps_ns:
        write_image(tmp_path / f"{stamp_ns}.png", 0)
    source = open_source("folder", tmp_path, rig=rig_from_intrinsics([50, 50, 32, 24]))
    assert [frame.stamp_ns for frame in source] == stamps_ns


def test_a_video_has_the_stamps_of_its_container(video_file):
    stamps_ns = [frame.stamp_ns for frame in open_source("video", video_file)]
    assert stamps_ns[0] == 0
    assert stamps_ns[3] == pytest.approx(100e6, abs=1e6)  # ns, at 30 frames per second


@pytest.mark.parametrize("name", ["folder", "video"])
def test_an_unknown_camera_is_one_clear_error(name, image_folder, video_file):
    (image_folder / "rig.toml").unlink()
    with pytest.raises(SourceError, match="--rig NAME or --intrinsics"):
        open_source(name, {"folder": image_folder, "video": video_file}[name])


def test_a_rig_that_does_not_fit_the_video_is_one_clear_error(video_file):
    with pytest.raises(CalibrationError, match="the video is 64x48"):
        open_source("video", video_file, rig=load_rig("webcam"))


def test_a_file_that_is_no_video_is_one_clear_error(tmp_path):
    (tmp_path / "video.mp4").write_bytes(b"no video")
    with pytest.raises(SourceError, match="is not a video"):
        open_source("video", tmp_path / "video.mp4", rig=load_rig("webcam"))
