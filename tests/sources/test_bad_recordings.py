"""Recordings that are broken: one clear error before the run, or a counted skip within it."""

import numpy as np
import pytest
from small_images import STAMPS_NS, write_depth, write_image

from slam.errors import CalibrationError, SourceError
from slam.rig_file import load_rig, rig_from_intrinsics
from slam.sources import open_source
from slam.trajectory import seconds_text


def restamp(path, line, text):
    """Replace the stamp on a line (1 is the first) of a list."""
    lines = path.read_text().splitlines()
    lines[line - 1] = " ".join([text, *lines[line - 1].split()[1:]])
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("damage", [b"", b"not an image", None, "cut"])
def test_a_broken_image_in_the_middle_is_a_counted_skip(tum_folder, damage):
    image = tum_folder / "rgb/6.png"
    whole = image.read_bytes()
    image.unlink() if damage is None else image.write_bytes(whole[: len(whole) // 2] if damage == "cut" else damage)
    source = open_source("tum", tum_folder)
    assert [frame.index for frame in source] == [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11]
    assert [(skip.index, skip.stamp_ns) for skip in source.skipped] == [(6, STAMPS_NS[6])]
    assert "rgb/6.png" in source.skipped[0].reason


@pytest.mark.parametrize("folder, file", [("tum", "depth/6.png"), ("kitti", "image_1/000006.png")])
def test_a_broken_second_image_is_a_counted_skip(request, folder, file):
    path = request.getfixturevalue(f"{folder}_folder")
    (path / file).write_bytes(b"broken")
    source = open_source(folder, path)
    assert len(list(source)) == 11
    assert [skip.index for skip in source.skipped] == [6]


def test_skips_are_counted_anew_in_every_iteration(tum_folder):
    (tum_folder / "rgb/6.png").unlink()
    source = open_source("tum", tum_folder)
    assert len(list(source)) == len(list(source)) == 11
    assert len(source.skipped) == 1


def test_a_broken_first_image_is_one_clear_error(tum_folder):
    (tum_folder / "rgb/0.png").write_bytes(b"")
    with pytest.raises(SourceError, match=r"rgb/0\.png: the image is empty or cut short"):
        open_source("tum", tum_folder)


def test_many_broken_images_at_the_beginning_are_one_clear_error(tum_folder):
    for i in range(2, 9):
        (tum_folder / f"rgb/{i}.png").unlink()
    with pytest.raises(SourceError, match="7 of the first 10 frames are bad"):
        open_source("tum", tum_folder)


def test_depth_of_another_size_is_one_clear_error(tum_folder):
    write_depth(tum_folder / "depth/0.png", 10000, (32, 24))
    with pytest.raises(SourceError, match="depth is 32x24 but the image is 64x48"):
        open_source("tum", tum_folder)


def test_depth_of_eight_bits_is_one_clear_error(tum_folder):
    write_image(tum_folder / "depth/0.png", 0)
    with pytest.raises(SourceError, match="16-bit"):
        open_source("tum", tum_folder)


def test_an_image_of_another_size_in_the_middle_is_a_counted_skip(tum_folder):
    write_image(tum_folder / "rgb/6.png", 0, 3, (32, 24))
    source = open_source("tum", tum_folder)
    assert len(list(source)) == 11
    assert "the image is 32x24" in source.skipped[0].reason


@pytest.mark.parametrize("name", ["tum", "euroc", "kitti"])
def test_a_rig_that_does_not_fit_the_images_is_one_clear_error(request, name):
    rig = load_rig({"tum": "tum_fr1", "euroc": "euroc", "kitti": "kitti_00"}[name])
    with pytest.raises(CalibrationError, match=r"the image is 64x48 but rig .* give the camera's own"):
        open_source(name, request.getfixturevalue(f"{name}_folder"), rig=rig)


def test_a_rig_of_bare_intrinsics_takes_the_size_of_the_images(tum_folder):
    source = open_source("tum", tum_folder, rig=rig_from_intrinsics([60, 60, 32, 24]))
    assert source.rig.left.image_size == (64, 48)
    assert source.rig.left.fx == 60


@pytest.mark.parametrize("stamp, what", [(STAMPS_NS[5], "repeats"), (STAMPS_NS[2] + 1, "jumps back")])
def test_a_jump_back_in_time_is_a_counted_skip(tum_folder, stamp, what):
    restamp(tum_folder / "rgb.txt", 8, seconds_text(stamp))
    source = open_source("tum", tum_folder)
    assert [frame.index for frame in source] == [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11]
    assert what in source.skipped[0].reason


def test_a_list_out_of_order_is_one_clear_error(tum_folder):
    rgb = tum_folder / "rgb.txt"
    rgb.write_text("\n".join(reversed(rgb.read_text().splitlines())))
    with pytest.raises(SourceError, match="11 of 12 stamps jump back or repeat"):
        open_source("tum", tum_folder)


@pytest.mark.parametrize("text, complaint", [("nan", "the stamp is nan"), ("soon", "'soon' is not a time")])
def test_a_stamp_that_is_no_number_names_file_and_line(tum_folder, text, complaint):
    restamp(tum_folder / "rgb.txt", 8, text)
    with pytest.raises(SourceError, match=rf"rgb\.txt, line 8: {complaint}"):
        open_source("tum", tum_folder)


@pytest.mark.parametrize(
    "name, file, line, text",
    [
        ("tum", "groundtruth.txt", 5, "1.1 nan 0 0 0 0 0 1"),
        ("euroc", "mav0/state_groundtruth_estimate0/data.csv", 5, "965000000,NaN,0,0,1,0,0,0"),
        ("kitti", "poses.txt", 5, "1 0 0 nan 0 1 0 0 0 0 1 4"),
    ],
)
def test_nan_in_ground_truth_names_file_and_line(request, name, file, line, text):
    folder = request.getfixturevalue(f"{name}_folder")
    lines = (folder / file).read_text().splitlines()
    lines[line - 1] = text
    (folder / file).write_text("\n".join(lines))
    with pytest.raises(SourceError, match=rf"ground truth .*{file}, line 5: holds (nan|NaN)"):
        open_source(name, folder)


@pytest.mark.parametrize(
    "name, file",
    [
        ("tum", "rgb.txt"),
        ("euroc", "mav0/cam0/data.csv"),
        ("euroc", "mav0/cam0/sensor.yaml"),
        ("kitti", "calib.txt"),
    ],
)
def test_a_missing_file_is_named(request, name, file):
    folder = request.getfixturevalue(f"{name}_folder")
    (folder / file).unlink()
    with pytest.raises((SourceError, CalibrationError), match=file.rsplit("/", 1)[-1]):
        open_source(name, folder)


@pytest.mark.parametrize("name, file", [("tum", "rgb.txt"), ("tum", "depth.txt"), ("euroc", "mav0/cam0/data.csv")])
def test_an_empty_list_is_one_clear_error(request, name, file):
    folder = request.getfixturevalue(f"{name}_folder")
    (folder / file).write_text("# nothing here\n")
    with pytest.raises(SourceError, match="lists no image"):
        open_source(name, folder)


def test_a_list_that_is_no_text_is_one_clear_error(tum_folder):
    (tum_folder / "rgb.txt").write_bytes(np.arange(128, 256, dtype=np.uint8).tobytes())
    with pytest.raises(SourceError, match="is not a text file"):
        open_source("tum", tum_folder)
