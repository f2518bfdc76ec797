"""``slam evaluate``: alignments, the body's truth moved to the camera, drawings and JSON."""

import json

import numpy as np
import pytest
from command_line import called
from scipy.spatial.transform import Rotation

from slam.errors import CalibrationError
from slam.evaluation.ate import ate
from slam.evaluation.compare_files import EvaluateOptions, evaluate_files
from slam.geometry import invert, transform
from slam.trajectory import Trajectory, write_tum

T_BODY_CAM = transform(Rotation.from_euler("xyz", [0.1, -0.2, 1.5]).as_matrix(), np.array([-0.02, -0.06, 0.01]))


@pytest.fixture
def walk():
    """A camera that turns and climbs, far from the origin."""
    turns = Rotation.from_euler("yx", np.column_stack([np.linspace(0, 2, 40), np.linspace(0.3, -0.4, 40)])).as_matrix()
    steps = np.cumsum(np.random.default_rng(0).uniform(0, 0.1, (40, 3)), axis=0) + np.array([3, -2, 5])
    poses = np.stack([transform(R, t) for R, t in zip(turns, steps)])
    return Trajectory(np.arange(40, dtype=np.int64) * 50_000_000, poses)


@pytest.fixture
def files(walk, tmp_path):
    """The walk as an estimate in its first camera's frame, and as the truth."""
    est, gt = tmp_path / "est.txt", tmp_path / "gt.txt"
    write_tum(est, Trajectory(walk.stamps_ns, invert(walk.T_world_cam[0]) @ walk.T_world_cam))
    write_tum(gt, walk)
    return est, gt


def euroc_file(path, trajectory):
    quats_xyzw = Rotation.from_matrix(trajectory.T_world_cam[:, :3, :3]).as_quat()
    rows = np.column_stack([trajectory.T_world_cam[:, :3, 3], quats_xyzw[:, [3, 0, 1, 2]]])
    lines = [f"{stamp}," + ",".join(map(repr, map(float, row))) for stamp, row in zip(trajectory.stamps_ns, rows)]
    path.write_text("#timestamp,...\n" + "\n".join(lines) + "\n")
    return path


def sensor_file(path):
    path.write_text("T_BS:\n  rows: 4\n  cols: 4\n  data: " + str(T_BODY_CAM.reshape(-1).tolist()) + "\n")
    return path


def test_origin_lays_the_first_poses_on_each_other(walk):
    moved = Trajectory(walk.stamps_ns, T_BODY_CAM @ walk.T_world_cam)
    assert ate(moved, walk, "origin").max < 1e-12
    bent = moved.T_world_cam.copy()
    bent[-1, :3, 3] += [0.3, 0, 0]
    result = ate(Trajectory(walk.stamps_ns, bent), walk, "origin")
    assert result.errors_m[-1] == pytest.approx(0.3) and result.errors_m[:-1].max() < 1e-12  # m


def test_without_alignment_errors_are_plain_distances(walk):
    moved = walk.T_world_cam.copy()
    moved[:, :3, 3] += [0.3, 0.4, 0]
    result = ate(Trajectory(walk.stamps_ns, moved), walk, "none")
    assert result.rmse == pytest.approx(0.5) and result.scale == 1.0  # m


@pytest.mark.parametrize(("align", "rmse_m"), [("origin", 0.0), ("se3", 0.0), ("sim3", 0.0), ("none", 6.0)])
def test_files_are_compared_with_every_alignment(files, align, rmse_m):
    found = evaluate_files(*files, EvaluateOptions(align))
    assert found.ate.rmse == pytest.approx(rmse_m, abs=1e-7 if align != "none" else 1.5)
    assert dict(found.rows())["aligned"].startswith(align)


def test_a_bodys_truth_is_moved_to_the_camera(files, walk, tmp_path):
    body = euroc_file(tmp_path / "data.csv", Trajectory(walk.stamps_ns, walk.T_world_cam @ invert(T_BODY_CAM)))
    sensor = sensor_file(tmp_path / "sensor.yaml")
    assert evaluate_files(files[0], body, EvaluateOptions(T_body_cam=sensor)).ate.rmse < 1e-7
    assert evaluate_files(files[0], body, EvaluateOptions()).ate.rmse > 0.01  # m: the lever of 6.4 cm turns
    with pytest.raises(CalibrationError, match="is missing; copy it"):
        evaluate_files(files[0], body, EvaluateOptions(T_body_cam=tmp_path / "none.yaml"))


def test_json_holds_every_figure(files, monkeypatch, capsys):
    answer = called(monkeypatch, capsys, "evaluate", *files, "--align", "origin", "--delta", "2", "--json")
    figures = json.loads(answer.out)
    assert figures["poses"] == {"estimated": 40, "true": 40, "compared": 40}
    assert figures["ate"]["align"] == "origin" and figures["ate"]["rmse"] < 1e-7
    assert figures["rpe"]["delta_frames"] == 2 and set(figures["rpe"]["rotation_deg"]) >= {"rmse", "sse", "n"}
    assert figures["kitti_segments"] is None


@pytest.mark.parametrize(("name", "begin"), [("p.png", b"\x89PNG"), ("p.pdf", b"%PDF"), ("p.svg", b"<?xml")])
def test_a_drawing_has_the_format_of_its_name(files, tmp_path, monkeypatch, capsys, name, begin):
    answer = called(monkeypatch, capsys, "evaluate", *files, "--plot", tmp_path / name)
    assert answer.code == 0 and "RPE angle rmse" in answer.out
    assert (tmp_path / name).read_bytes().startswith(begin)


@pytest.mark.parametrize("place", ["nowhere/p.png", "p.bmpx"])
def test_a_drawing_that_cannot_be_written_is_one_sentence(files, tmp_path, monkeypatch, capsys, place):
    answer = called(monkeypatch, capsys, "evaluate", *files, "--plot", tmp_path / place)
    assert answer.code == 2 and "name a .png, .pdf or .svg file" in answer.err and answer.err.count("\n") == 1
