"""What a run leaves in its folder."""

import json
from dataclasses import replace

import numpy as np
import pytest

from slam.config import SlamConfig, load_config
from slam.errors import ConfigError
from slam.evaluation.ate import ate
from slam.evaluation.run_errors import MAX_DIFF_S
from slam.evaluation.run_report import RunRecorder
from slam.evaluation.summary_table import summary_rows
from slam.trajectory import Trajectory, read_tum
from slam.types import MapSnapshot, Mode, Track, TrackStatus

EMPTY_MAP = MapSnapshot(
    np.zeros((0, 3), np.float32),
    np.zeros((0, 3), np.uint8),
    np.zeros(2, np.int64),
    np.zeros((2, 4, 4)),
    np.zeros((0, 3)),
)


def tracks(gt: Trajectory) -> list[Track]:
    """Two frames before the map, then poses; frame 5 is lost, frame 7 was skipped."""
    none = np.zeros(0, np.int64), np.zeros((0, 2), np.float32)
    answers = []
    for index, stamp_ns, T_world_cam in zip(range(len(gt)), gt.stamps_ns, gt.T_world_cam):
        status, layer = TrackStatus.TRACKING, 1 + index % 3
        if index < 2 or index == 5:
            status, layer, T_world_cam = (TrackStatus.LOST if index == 5 else TrackStatus.INITIALIZING), 0, None
        ms = {"match": float(index), "pose": 1.0}
        reason = "" if T_world_cam is not None else "needs translation"
        answers.append(
            Track(index, int(stamp_ns), status, reason, T_world_cam, *none, 512, 90, 80, layer, 0.25, -1, ms)
        )
    return answers[:7] + answers[8:]


def poses_of(answers: list[Track]) -> Trajectory:
    tracked = [t for t in answers if t.is_tracked]
    return Trajectory(np.array([t.stamp_ns for t in tracked]), np.array([t.T_world_cam for t in tracked]))


@pytest.fixture
def truth(pair) -> Trajectory:
    return Trajectory(pair[1].stamps_ns[:400:4], pair[1].T_world_cam[:400:4])


def run(folder, truth, **kwargs):
    answers = tracks(truth)
    with RunRecorder(folder) as recorder:
        for track in answers:
            recorder.add(track, 20.0 + track.index, 0)
        arguments = {"ground_truth": truth, "mode": Mode.RGBD, "snapshot": EMPTY_MAP, "info": {"seed": 3}} | kwargs
        return recorder.finish(poses_of(answers), **arguments)


def test_every_file_of_the_contract_is_there(tmp_path, truth):
    run(tmp_path / "out", truth)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        *("trajectory.txt", "trajectory_causal.txt", "health.jsonl", "summary.json"),
        *("truth.txt", "map.ply", "trajectory.png", "error.png"),
    }


def test_the_truth_beside_a_run_is_that_of_its_frames_and_gives_the_same_errors(tmp_path, truth):
    stamps = np.arange(truth.stamps_ns[0], truth.stamps_ns[-1], 2_500_000)  # ground truth at 400 Hz
    nearest = np.abs(stamps[:, None] - truth.stamps_ns).argmin(axis=1)
    dense = Trajectory(stamps, truth.T_world_cam[nearest])
    recorder, answers = RunRecorder(tmp_path / "out"), tracks(truth)
    for track in answers:
        recorder.add(track, 20.0)
    summary = recorder.finish(poses_of(answers), dense, Mode.RGBD, EMPTY_MAP)
    kept = read_tum(tmp_path / "out" / "truth.txt")
    again = ate(read_tum(tmp_path / "out" / "trajectory.txt"), kept, "se3", MAX_DIFF_S)
    assert len(kept) == len(answers) < len(dense)
    assert again.rmse == pytest.approx(summary.ate["rmse"], abs=1e-8)  # nine decimals in the files


def test_kittis_segments_are_counted_where_the_path_is_long_enough(tmp_path):
    poses = np.tile(np.eye(4), (300, 1, 1))
    poses[:, 2, 3] = np.arange(300)  # m: straight on, 1 m per frame
    truth = Trajectory(np.arange(300) * 100_000_000, poses)
    wrong = poses.copy()
    wrong[:, 2, 3] *= 1.02
    answers = [replace(track, T_world_cam=T) for track, T in zip(tracks(truth)[8:], wrong[9:])]
    recorder = RunRecorder(tmp_path / "out")
    for track in answers:
        recorder.add(track, 20.0)
    summary = recorder.finish(poses_of(answers), truth, Mode.STEREO, EMPTY_MAP)
    assert summary.kitti_segments["t_percent"] == pytest.approx(2.0, abs=0.05)  # 101 m are driven per 100
    assert summary.kitti_segments["r_deg_per_100m"] == pytest.approx(0.0, abs=1e-6)
    assert dict(summary_rows(summary))["KITTI segments"].startswith("2.0")


def test_the_summary_counts_every_frame(tmp_path, truth):
    summary = run(tmp_path / "out", truth)
    assert (summary.frames, summary.processed, summary.skipped, summary.tracked) == (100, 99, 1, 96)
    assert (summary.lost, summary.initializing, summary.first_tracked_index) == (1, 2, 2)
    assert summary.coverage == pytest.approx(0.96)
    assert summary.coverage_after_init == pytest.approx(96 / 98)
    assert summary.ate["rmse"] < 1e-9  # m
    assert json.loads((tmp_path / "out/summary.json").read_text())["latency_ms"]["total"]["p50"] == 70.0


def test_frames_are_on_disk_before_the_run_ends(tmp_path, truth):
    recorder = RunRecorder(tmp_path / "out")
    for track in tracks(truth)[:10]:
        recorder.add(track, 20.0, 2)
    lines = [json.loads(line) for line in (tmp_path / "out/health.jsonl").read_text().splitlines()]
    assert len(lines) == 9 + 1
    assert lines[0]["reason"] == "needs translation"
    assert set(lines[3]) >= {"stamp_ns", "status", "inliers", "exit_layer", "pruned", "ms", "total_ms", "dropped"}
    assert len(read_tum(tmp_path / "out/trajectory_causal.txt")) == 7
    recorder.close()


def test_an_occupied_folder_is_never_written_into(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"holds notes\.txt already"):
        RunRecorder(tmp_path)


def test_a_file_in_place_of_the_folder_is_one_clear_error(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(ConfigError, match="cannot be used"):
        RunRecorder(tmp_path / "out")


def test_latest_points_at_the_newest_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = RunRecorder(), RunRecorder()
    assert first.folder != second.folder
    assert (tmp_path / "runs/latest").resolve() == second.folder.resolve()
    first.close()
    second.close()


def test_the_effective_configuration_reads_back(tmp_path):
    with RunRecorder(tmp_path / "out") as recorder:
        recorder.write_config(SlamConfig(), {"source": "demo"})
    assert load_config(tmp_path / "out/config.toml") == SlamConfig()


def test_ground_truth_of_another_clock_is_a_note_and_loses_nothing(tmp_path, truth):
    other = Trajectory(truth.stamps_ns + 10**15, truth.T_world_cam)
    summary = run(tmp_path / "out", truth, ground_truth=other)
    assert summary.ate is None
    assert "same clock" in summary.notes[0]
    assert (tmp_path / "out/error.png").stat().st_size > 5000


def test_a_run_that_never_found_its_way_still_has_a_summary(tmp_path):
    with RunRecorder(tmp_path / "out") as recorder:
        summary = recorder.finish(Trajectory(np.zeros(0, np.int64), np.zeros((0, 4, 4))), None, Mode.MONO, EMPTY_MAP)
    assert (summary.frames, summary.coverage, summary.align) == (0, 0.0, "sim3")
    assert ("note", "no ground truth: no error figures") in summary_rows(summary)


def test_latency_and_hurried_frames_are_counted_where_there_are_any(tmp_path, truth):
    with RunRecorder(tmp_path / "out") as recorder:
        for track in tracks(truth)[:20]:
            recorder.add(replace(track, hurried=track.index % 2 == 0), 20.0, 0, 25.0 + track.index)
        summary = recorder.finish(poses_of(tracks(truth)[:20]), None, Mode.RGBD, EMPTY_MAP)
    assert summary.hurried == 11 and summary.latency_ms["camera to answer"]["p50"] == 35.5
    rows = dict(summary_rows(summary))
    assert rows["exit layer"].endswith("11 frames hurried") and rows["latency"].startswith("p50 35.5, p95")
    assert "camera to answer" not in run(tmp_path / "replay", truth).latency_ms


def test_the_audit_is_a_field_and_a_line(tmp_path, truth):
    figures = {"count": 3, "loss": 0.012, "low": 0.0, "high": 0.4, "level": 0.019}
    summary = run(tmp_path / "out", truth, info={"audit": figures, "exit": "exit calibrated"})
    assert json.loads((tmp_path / "out/summary.json").read_text())["audit"] == figures
    rows = dict(summary_rows(summary))
    assert rows["audit"] == "3 frames, loss 0.012 (0.000 to 0.400), level now 0.0190"
    assert rows["exit rule"] == "exit calibrated"
    observed = run(tmp_path / "other", truth, info={"audit": figures | {"level": float("nan")}})
    assert dict(summary_rows(observed))["audit"].endswith("observed only")


def test_the_table_names_error_speed_and_effort(tmp_path, truth):
    rows = dict(summary_rows(run(tmp_path / "out", truth, mode=Mode.MONO)))
    assert "SIM3" in rows["ATE"]
    assert rows["frames"] == "100 given, 96 tracked, 1 lost, 2 before the map, 1 skipped"
    assert rows["exit layer"].startswith("mean 1.99 (1: 33")


def test_poses_in_the_world_of_another_submap_are_kept_apart(tmp_path, truth):
    answers = [replace(track, submap_id=int(track.index >= 60)) for track in tracks(truth)]
    elsewhere = np.eye(4)
    elsewhere[:3, 3] = 50.0  # m: another world, which no alignment with the first one explains
    apart = [
        replace(track, T_world_cam=elsewhere @ track.T_world_cam) if track.submap_id and track.is_tracked else track
        for track in answers
    ]
    with RunRecorder(tmp_path / "out") as recorder:
        for track in apart:
            recorder.add(track, 20.0)
        summary = recorder.finish(poses_of(answers[:59]), truth, Mode.RGBD, EMPTY_MAP)
    assert summary.ate_causal["rmse"] < 1e-9  # m
    first, second = (read_tum(tmp_path / "out" / f"trajectory_causal{end}.txt") for end in ("", "_1"))
    assert (len(first), len(second)) == (56, 40)
    records = [json.loads(line) for line in (tmp_path / "out/health.jsonl").read_text().splitlines()]
    assert [record["submap_id"] for record in records] == [track.submap_id for track in apart]


def test_health_says_how_well_the_newest_keyframe_is_known(tmp_path, truth):
    covariance = np.diag([1e-6, 4e-6, 1e-6, 1e-4, 1e-4, 9e-4])
    with RunRecorder(tmp_path / "out") as recorder:
        recorder.add(replace(tracks(truth)[3], covariance=covariance), 20.0)
        recorder.add(tracks(truth)[4], 20.0)
    known, unknown = (json.loads(line) for line in (tmp_path / "out/health.jsonl").read_text().splitlines())
    assert known["position_sigma"] == pytest.approx(0.03) and known["turn_sigma_deg"] == pytest.approx(np.rad2deg(2e-3))
    assert unknown["position_sigma"] is None and unknown["turn_sigma_deg"] is None


def test_a_disk_that_is_full_is_one_clear_sentence(tmp_path, truth):
    full = pytest.raises(ConfigError, match=r"cannot be written \(No space left on device\); what is there stays")
    with full, RunRecorder(tmp_path / "run") as recorder:
        recorder._health.close()
        recorder._health = open("/dev/full", "w")  # noqa: SIM115
        recorder.add(tracks(truth)[0], 10.0)
