"""What every row of SOURCES promises, on small recordings."""

import numpy as np
import pytest

from slam.errors import SourceError
from slam.sources import ADDRESSES, SOURCES, open_source, source_opener
from slam.types import Mode

RECORDINGS = [name for name in SOURCES if name not in ADDRESSES]  # what a camera promises: test_webcam.py
FIXTURES = {
    "tum": ("tum_folder", {Mode.RGBD, Mode.MONO}),
    "euroc": ("euroc_folder", {Mode.STEREO, Mode.MONO}),
    "kitti": ("kitti_folder", {Mode.STEREO, Mode.MONO}),
    "sevenscenes": ("sevenscenes_folder", {Mode.RGBD, Mode.MONO}),
    "icl": ("icl_folder", {Mode.RGBD, Mode.MONO}),
    "tartanair": ("tartanair_folder", set(Mode)),
    "tumvi": ("tumvi_folder", {Mode.STEREO, Mode.MONO}),
    "folder": ("image_folder", {Mode.MONO}),
    "video": ("video_file", {Mode.MONO}),
    "recorded": ("recorded_folder", set(Mode)),
    "realsense": ("realsense_file", {Mode.RGBD, Mode.MONO}),
}


@pytest.fixture
def path_of(request, tmp_path):
    def path(name):
        if name == "demo":
            request.getfixturevalue("tum_folder")
            request.getfixturevalue("euroc_folder")
            return tmp_path
        return request.getfixturevalue(FIXTURES[name][0])

    return path


def modes_of(name):
    return set(Mode) if name == "demo" else FIXTURES[name][1]


def test_every_row_names_a_function():
    assert all(callable(source_opener(name)) for name in SOURCES)


@pytest.mark.parametrize("name", RECORDINGS)
def test_frames_come_in_order_and_fit_the_rig(name, path_of):
    source = open_source(name, path_of(name))
    frames = list(source)
    assert (source.name, len(source), len(frames), source.skipped) == (name, 12, 12, [])
    assert [frame.index for frame in frames] == list(range(12))
    assert np.all(np.diff([frame.stamp_ns for frame in frames]) > 0)
    assert all(frame.image.shape == (source.rig.left.height, source.rig.left.width) for frame in frames)
    assert all(frame.image.dtype == np.uint8 and frame.image.ndim == 2 for frame in frames)


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_measurements_of_a_frame_are_those_of_the_mode(name, path_of):
    for mode in modes_of(name):
        source = open_source(name, path_of(name), mode=mode)
        frame = next(iter(source))
        assert source.mode is mode
        assert (frame.depth_m is not None, frame.right is not None) == (mode is Mode.RGBD, mode is Mode.STEREO)
        assert (source.rig.right is not None) == (mode is Mode.STEREO)


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_mode_without_its_data_is_one_clear_error(name, path_of):
    for mode in set(Mode) - modes_of(name):
        with pytest.raises(SourceError, match=f"{mode.value} needs; use --mode"):
            open_source(name, path_of(name), mode=mode)


@pytest.mark.parametrize("name", RECORDINGS)
def test_iterating_again_gives_the_same_frames(name, path_of):
    source = open_source(name, path_of(name), max_frames=5)
    first, second = list(source), list(source)
    assert len(source) == len(first) == len(second) == 5
    assert all(np.array_equal(a.image, b.image) and a.stamp_ns == b.stamp_ns for a, b in zip(first, second))


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_path_that_does_not_exist_is_one_clear_error(name, tmp_path):
    with pytest.raises(SourceError, match="does not exist"):
        open_source(name, tmp_path / "nowhere")


@pytest.mark.parametrize("name", [name for name in RECORDINGS if name != "video"])
def test_an_empty_folder_is_one_clear_error(name, tmp_path):
    with pytest.raises(SourceError):
        open_source(name, tmp_path)


def test_a_misspelt_source_gets_a_suggestion():
    with pytest.raises(SourceError, match="did you mean 'euroc'"):
        open_source("eurok", ".")


def test_a_source_without_its_path_says_so():
    with pytest.raises(SourceError, match="needs a path"):
        open_source("tum", None)


def test_zero_frames_cannot_be_asked_for(tum_folder):
    with pytest.raises(SourceError, match="at least 1"):
        open_source("tum", tum_folder, max_frames=0)
