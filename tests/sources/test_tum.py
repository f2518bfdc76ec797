"""The TUM layout: lists, association, depth, and which rig."""

import shutil

import cv2
import numpy as np
import pytest
from small_images import STAMPS_NS

from slam.errors import SourceError
from slam.rig_file import load_rig
from slam.sources import open_source
from slam.types import Mode


def test_depth_is_in_metres_and_stamps_are_the_image_s(tum_folder):
    frames = list(open_source("tum", tum_folder))
    assert [frame.stamp_ns for frame in frames] == STAMPS_NS
    assert frames[0].depth_m.dtype == np.float32
    assert np.all(frames[0].depth_m == 2.0)
    assert frames[0].color.shape == (48, 64, 3)


def test_color_is_rgb(tum_folder):
    image = np.zeros((48, 64, 3), np.uint8)
    image[:, :, 2] = 255  # red in OpenCV's order
    cv2.imwrite(str(tum_folder / "rgb/0.png"), image)
    assert next(iter(open_source("tum", tum_folder))).color[0, 0].tolist() == [255, 0, 0]


def test_depth_factor_can_be_overridden(tum_folder):
    assert next(iter(open_source("tum", tum_folder, depth_factor=1000))).depth_m[0, 0] == 10.0


def test_invalid_depth_values_of_the_rig_become_zero(tum_folder):
    rig_text = (tum_folder / "rig.toml").read_text().replace("    0,", "    0, 10000,")
    (tum_folder / "rig.toml").write_text(rig_text)
    source = open_source("tum", tum_folder)
    assert source.rig.depth_invalid == (0, 10000)
    assert np.all(next(iter(source)).depth_m == 0)


def test_an_image_without_depth_is_a_counted_skip(tum_folder):
    depth = tum_folder / "depth.txt"
    depth.write_text("\n".join(line for line in depth.read_text().splitlines() if "depth/6." not in line))
    source = open_source("tum", tum_folder)
    assert len(list(source)) == 11
    assert "no depth image within 0.02 s" in source.skipped[0].reason
    assert len(list(open_source("tum", tum_folder, mode=Mode.MONO))) == 12


def test_without_depth_txt_it_is_monocular(tum_folder):
    (tum_folder / "depth.txt").unlink()
    assert open_source("tum", tum_folder).mode is Mode.MONO


def test_associations_txt_stands_in_for_missing_lists(tum_folder):
    lines = [f"{t / 1e9:.9f} rgb/{i}.png {t / 1e9:.9f} depth/{i}.png\n" for i, t in enumerate(STAMPS_NS)]
    (tum_folder / "associations.txt").write_text("".join(lines))
    (tum_folder / "depth.txt").unlink()
    source = open_source("tum", tum_folder)
    assert (source.mode, len(list(source))) == (Mode.RGBD, 12)


def test_ground_truth_may_repeat_a_stamp_as_freiburg2_desks_does(tum_folder):
    lines = (tum_folder / "groundtruth.txt").read_text().splitlines(keepends=True)
    (tum_folder / "groundtruth.txt").write_text("".join([*lines[:3], lines[2], *lines[3:]]))
    truth = open_source("tum", tum_folder).ground_truth
    assert len(truth) == 13 and truth.stamps_ns[2] == truth.stamps_ns[1] + 1


def test_without_ground_truth_there_is_none(tum_folder):
    (tum_folder / "groundtruth.txt").unlink()
    assert open_source("tum", tum_folder).ground_truth is None


def test_an_unknown_camera_is_an_error_that_names_the_options(tum_folder):
    (tum_folder / "rig.toml").unlink()
    with pytest.raises(SourceError, match=r"--rig .* or --intrinsics"):
        open_source("tum", tum_folder)


@pytest.mark.parametrize(
    "name, rig",
    [
        ("rgbd_dataset_freiburg1_xyz", "tum_fr1"),
        ("rgbd_dataset_freiburg2_desk", "tum_fr2"),
        ("fr3_office", "tum_fr3"),
        ("sevenscenes_300", "sevenscenes"),
    ],
)
def test_the_folder_s_name_tells_the_rig(tum_folder, tmp_path, name, rig):
    (tum_folder / "rig.toml").unlink()
    for i in range(12):
        cv2.imwrite(str(tum_folder / f"rgb/{i}.png"), np.zeros((480, 640), np.uint8))
        cv2.imwrite(str(tum_folder / f"depth/{i}.png"), np.zeros((480, 640), np.uint16))
    shutil.move(tum_folder, tmp_path / name)
    assert open_source("tum", tmp_path / name).rig.left == load_rig(rig).left


@pytest.mark.parametrize("name, count, stride", [("sevenscenes_300", 300, 10), ("tum_fr1_10", 10, 1)])
def test_recorded_rgbd_is_complete_and_plausible(recorded, name, count, stride):
    source = open_source("tum", recorded / "sequences" / name)
    assert (len(source), source.mode) == (count, Mode.RGBD)
    for frame in source:
        if frame.index % stride == 0:
            known = frame.depth_m[frame.depth_m > 0]
            assert known.size > 0.3 * frame.depth_m.size
            assert 0.3 < np.median(known) < 4.0  # m
            assert known.max() < 10.0
    assert source.skipped == []
    assert len(source.ground_truth) == count
    assert source.ground_truth.stamps_ns[0] == 1_000_000_000
