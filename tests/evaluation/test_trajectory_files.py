"""Trajectory files of three formats, told apart by their content."""

import numpy as np
import pytest

from slam.errors import TrajectoryError
from slam.evaluation.compare_files import EvaluateOptions, evaluate_files
from slam.evaluation.trajectory_files import guessed_format, read_trajectory

ROWS = {
    "tum": "# time\n1.5 1 2 3 0 0 0 1\n2.5 1 2 4 0 0 0 1\n",
    "euroc": "#ns\n1500000000,1,2,3,1,0,0,0,9,9,9\n2500000000,1,2,4,1,0,0,0,9,9,9\n",
    "kitti": "1 0 0 1 0 1 0 2 0 0 1 3\n1 0 0 1 0 1 0 2 0 0 1 4\n",
}


@pytest.mark.parametrize("name", ROWS)
def test_a_format_is_known_by_its_content(tmp_path, name):
    path = tmp_path / "poses"
    path.write_text(ROWS[name])
    assert guessed_format(path) == name
    np.testing.assert_allclose(read_trajectory(path).T_world_cam[1, :3, 3], [1, 2, 4])  # m


def test_kittis_poses_without_times_are_a_tenth_of_a_second_apart(tmp_path):
    path, times = tmp_path / "poses.txt", tmp_path / "times.txt"
    path.write_text(ROWS["kitti"])
    times.write_text("3.0\n3.5\n")
    assert read_trajectory(path).stamps_ns.tolist() == [0, 100_000_000]
    assert read_trajectory(path, times=times).stamps_ns.tolist() == [3_000_000_000, 3_500_000_000]


def test_a_named_format_wins_over_the_content(tmp_path):
    path = tmp_path / "poses"
    path.write_text(ROWS["tum"])
    with pytest.raises(TrajectoryError, match="line 2: has 8 columns"):
        read_trajectory(path, "kitti")
    with pytest.raises(TrajectoryError, match="'bvh' is not known; use one of tum, kitti, euroc"):
        read_trajectory(path, "bvh")


@pytest.mark.parametrize(("text", "message"), [("# empty\n", "holds no pose"), ("1 2 3\n", "has 3 columns")])
def test_what_no_format_fits_is_one_clear_error(tmp_path, text, message):
    path = tmp_path / "poses"
    path.write_text(text)
    with pytest.raises(TrajectoryError, match=message):
        guessed_format(path)


def test_evaluating_a_drive_in_kittis_format_prints_its_segment_errors(tmp_path):
    truth, estimate = tmp_path / "gt.txt", tmp_path / "est.txt"
    for path, step_m in ((truth, 1.0), (estimate, 1.02)):
        path.write_text("".join(f"1 0 0 0 0 1 0 0 0 0 1 {i * step_m}\n" for i in range(300)))
    rows = dict(evaluate_files(estimate, truth, EvaluateOptions(delta_frames=5)).rows())
    assert rows["RPE rmse"] == "0.100000000 m per 5 frames"
    percent = float(rows["KITTI segments"].split(" %")[0])
    assert percent == pytest.approx(2.0, abs=0.03)  # a stretch of 100 m ends at 101 m
