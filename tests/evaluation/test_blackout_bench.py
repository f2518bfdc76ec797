"""Twenty black frames: the recording is as it was but for them, and the table tells found from lost."""

import cv2
import pytest
from command_line import short_recording

from slam.errors import ConfigError
from slam.evaluation import blackout_bench
from slam.evaluation.blackout_bench import Blackout, bench_blackouts_to_folder, black_out
from slam.sources import open_source


def test_only_the_chosen_frames_are_black(tmp_path):
    short_recording(tmp_path / "whole", 6)
    black_out(tmp_path / "whole", tmp_path / "dark", range(2, 4))
    frames = list(open_source("tum", tmp_path / "dark"))
    assert [bool(frame.image.any()) for frame in frames] == [True, True, False, False, True, True]
    for dark, frame in zip(frames, open_source("tum", tmp_path / "whole"), strict=True):
        assert dark.stamp_ns == frame.stamp_ns and (dark.depth_m == frame.depth_m).all()
    image = cv2.imread(str(next((tmp_path / "whole/rgb").iterdir())))
    assert image.any()  # the recording itself is untouched


def test_found_late_or_never_is_not_met():
    assert Blackout("mono", 60, found_after_s=0.9).is_met
    assert not Blackout("mono", 60, found_after_s=1.1).is_met
    assert not Blackout("mono", 60).is_met and not Blackout("mono", 60, failure="exit code 1").is_met


def test_a_folder_without_the_recording_is_one_clear_error(tmp_path):
    with pytest.raises(ConfigError, match="holds no sequences/sevenscenes_300"):
        bench_blackouts_to_folder(tmp_path, tmp_path / "out", "slam bench blackouts", print)


@pytest.mark.slow
def test_the_demo_in_the_dark_is_found_again_in_time(tmp_path, monkeypatch):
    short_recording(tmp_path / "data/sequences/sevenscenes_300", 100)
    monkeypatch.setattr(blackout_bench, "FIRST_FRAMES", (50,))
    monkeypatch.setattr(blackout_bench, "CASES", (blackout_bench.BenchCase("RGB-D", "tum", "", "rgbd", "se3"),))
    text = bench_blackouts_to_folder(tmp_path / "data", tmp_path / "out", "slam bench blackouts", print)
    (row,) = [line for line in text.splitlines() if line.startswith("| RGB-D")]
    assert row.endswith("| yes |") and "relocalized" in row
