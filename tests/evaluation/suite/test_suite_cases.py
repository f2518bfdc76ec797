"""Which recordings a suite has: names that the catalog of datasets knows, and folders whose layout is recognised."""

import pytest
from command_line import short_recording

from slam.datasets import find_dataset, find_sequence, sequence_folder
from slam.errors import ConfigError
from slam.evaluation.suite.cases import SUITES, folder_cases, suite_cases

PUBLISHED = ("tum-fr1", "tum-rgbd3", "euroc", "kitti")


@pytest.mark.parametrize("suite", PUBLISHED)
def test_every_case_is_where_slam_download_puts_its_sequence(suite, tmp_path):
    for case in suite_cases(suite, tmp_path):
        dataset = find_dataset(case.dataset)
        sequence = find_sequence(dataset, case.sequence)
        assert tmp_path / case.path == sequence_folder(tmp_path, dataset, sequence)
        assert dataset.source == case.source
        assert case.align == ("sim3" if case.mode == "mono" and "inertial" not in case.name else "se3")


@pytest.mark.parametrize("suite", SUITES)
def test_names_are_unique_in_a_suite(suite, tmp_path):
    names = [case.name for case in suite_cases(suite, tmp_path)]
    assert len(set(names)) == len(names) > 0


def test_the_rendered_suite_has_ten_rooms_in_three_modes(tmp_path):
    cases = suite_cases("rendered", tmp_path)
    assert len({case.sequence for case in cases}) == 10
    assert {case.mode for case in cases} == {"rgbd", "mono", "stereo"}


def test_a_folder_gives_every_recording_in_it_in_all_its_modes(tmp_path):
    short_recording(tmp_path / "a" / "with_depth", 3)
    (tmp_path / "colour").mkdir()
    (tmp_path / "colour" / "rgb.txt").write_text("")
    (tmp_path / "drone" / "mav0" / "cam0").mkdir(parents=True)
    (tmp_path / "drone" / "mav0" / "imu0").mkdir()
    (tmp_path / "car" / "image_0").mkdir(parents=True)
    (tmp_path / "car" / "image_1").mkdir()
    (tmp_path / "car" / "calib.txt").write_text("")
    cases = folder_cases(tmp_path)
    assert [case.name for case in cases] == [
        *("a/with_depth rgbd", "a/with_depth mono", "car stereo", "car mono"),
        *("colour mono", "drone mono", "drone mono-inertial"),
    ]
    assert cases[0].options[:2] == ("--rig", str(tmp_path / "a" / "with_depth" / "rig.toml"))


def test_excerpts_that_are_known_keep_their_rig(tmp_path):
    (tmp_path / "sevenscenes_300").mkdir()
    (tmp_path / "kitti_stereo_30").mkdir()
    cases = folder_cases(tmp_path)
    assert [case.name for case in cases] == ["kitti_stereo_30 stereo", "sevenscenes_300 rgbd", "sevenscenes_300 mono"]
    assert cases[1].options == ("--rig", "sevenscenes")


def test_a_suite_that_is_unknown_or_a_folder_without_recordings_is_one_sentence(tmp_path):
    with pytest.raises(ConfigError, match=r"suite 'tum': is neither a folder with recordings nor one of tum-fr1, .*"):
        suite_cases("tum", tmp_path)
    with pytest.raises(ConfigError, match=r"holds no recording; TUM's have rgb.txt"):
        suite_cases(str(tmp_path), tmp_path)
