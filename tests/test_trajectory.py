"""Trajectory files: exact stamps, and complaints that name the line."""

import numpy as np
import pytest

from slam.errors import TrajectoryError
from slam.geometry import exp_se3
from slam.trajectory import Trajectory, read_euroc_csv, read_kitti, read_tum, seconds_text, write_tum

STAMPS_NS = np.array([0, 1, 1403715285262142976, 1403715285312143105], np.int64)
T_WORLD_CAM = np.stack([exp_se3(np.array([0.1, -0.4, 0.2, 1.0, 2.0, -3.0]) * i) for i in range(1, 5)])


def test_writing_and_reading_keeps_stamps_exactly(tmp_path):
    write_tum(tmp_path / "poses.txt", Trajectory(STAMPS_NS, T_WORLD_CAM))
    again = read_tum(tmp_path / "poses.txt")
    np.testing.assert_array_equal(again.stamps_ns, STAMPS_NS)
    np.testing.assert_allclose(again.T_world_cam, T_WORLD_CAM, atol=1e-8)


def test_an_empty_trajectory_can_be_written(tmp_path):
    write_tum(tmp_path / "poses.txt", Trajectory(np.zeros(0, np.int64), np.zeros((0, 4, 4))))
    with pytest.raises(TrajectoryError, match="holds no pose"):
        read_tum(tmp_path / "poses.txt")


def test_seconds_have_nine_decimals():
    assert seconds_text(1_000_000_001) == "1.000000001"
    assert seconds_text(-500_000_000) == "-0.500000000"


def test_stamps_with_an_exponent_are_read(tmp_path):
    (tmp_path / "poses.txt").write_text("1.037000e-01 0 0 0 0 0 0 1\n2,1,0,0,0,0,0,1\n")
    assert read_tum(tmp_path / "poses.txt").stamps_ns.tolist() == [103_700_000, 2_000_000_000]


@pytest.mark.parametrize(
    "line, complaint",
    [
        ("2 nan 0 0 0 0 0 1", "line 3: holds nan"),
        ("2 0 inf 0 0 0 0 1", "line 3: holds inf"),
        ("nan 0 0 0 0 0 0 1", "line 3: the stamp is nan"),
        ("2 x 0 0 0 0 0 1", "line 3: 'x' is not a number"),
        ("2 0 0 0 0 0 1", "line 3: has 7 columns"),
        ("2 0 0 0 0 0 0 0", "line 3: the quaternion is zero"),
        ("1 0 0 0 0 0 0 1", "line 3: the stamp repeats"),
        ("0.5 0 0 0 0 0 0 1", "line 3: the stamp jumps back"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, line, complaint):
    (tmp_path / "poses.txt").write_text(f"# seconds and pose\n1 0 0 0 0 0 0 1\n{line}\n")
    with pytest.raises(TrajectoryError, match=f"poses.txt, {complaint}"):
        read_tum(tmp_path / "poses.txt")


def test_repeated_stamps_are_kept_where_they_are_allowed(tmp_path):
    lines = "".join(f"{stamp} {i} 0 0 0 0 0 1\n" for i, stamp in enumerate((1, 1, 1, 2)))
    (tmp_path / "poses.txt").write_text(lines)
    kept = read_tum(tmp_path / "poses.txt", repeats_ok=True)
    assert kept.stamps_ns.tolist() == [10**9, 10**9 + 1, 10**9 + 2, 2 * 10**9]
    assert kept.T_world_cam[:, 0, 3].tolist() == [0, 1, 2, 3]


def test_a_missing_file_is_one_clear_error(tmp_path):
    with pytest.raises(TrajectoryError, match="cannot be read"):
        read_tum(tmp_path / "none.txt")


def test_euroc_has_the_scalar_of_the_quaternion_first(tmp_path):
    (tmp_path / "data.csv").write_text("#timestamp,p,q\n1403715285262142976,1,2,3,0,0,0,1,9,9,9\r\n")
    trajectory = read_euroc_csv(tmp_path / "data.csv")
    assert trajectory.stamps_ns[0] == 1403715285262142976
    np.testing.assert_allclose(
        trajectory.T_world_cam[0], np.diag([-1, -1, 1, 1]) + np.outer([1, 2, 3, 0], [0, 0, 0, 1])
    )


def test_kitti_takes_its_stamps_from_the_times(tmp_path):
    (tmp_path / "times.txt").write_text("0\n1e-1\n")
    (tmp_path / "poses.txt").write_text("1 0 0 0 0 1 0 0 0 0 1 0\n0 -1 0 4 1 0 0 5 0 0 1 6\n")
    trajectory = read_kitti(tmp_path / "poses.txt", tmp_path / "times.txt")
    assert trajectory.stamps_ns.tolist() == [0, 100_000_000]
    np.testing.assert_allclose(trajectory.T_world_cam[1, :3, 3], [4, 5, 6])
    np.testing.assert_allclose(trajectory.T_world_cam[1, :3, 0], [0, 1, 0], atol=1e-12)


def test_a_trajectory_must_rise_in_time():
    with pytest.raises(TrajectoryError, match="stamps must increase"):
        Trajectory(np.array([1, 1]), np.tile(np.eye(4), (2, 1, 1)))
