"""The benchmark on rendered recordings: its figures by cases with a known answer, and once through the real program."""

import json

import numpy as np
import pytest

from slam.errors import ConfigError
from slam.evaluation.long_figures import LongRun, long_run, scale_drift
from slam.evaluation.rendered_bench import RenderedOptions, bench_rendered_to_folder
from slam.evaluation.rendered_cases import LONG_CASES, corridors, room_case, rooms
from slam.evaluation.rendered_table import LongRow, rendered_table
from slam.trajectory import Trajectory

COUNT = 3000
ANGLE = np.linspace(0, 6 * np.pi, COUNT, endpoint=False)
STAMPS = np.arange(COUNT, dtype=np.int64) * 40_000_000


def circles(scale):
    """Three rounds, lengths multiplied by ``scale`` (COUNT,)."""
    T = np.tile(np.eye(4), (COUNT, 1, 1))
    T[:, :3, 3] = np.column_stack([np.cos(ANGLE), np.sin(ANGLE), 0.1 * np.sin(3 * ANGLE)]) * np.reshape(scale, (-1, 1))
    return Trajectory(STAMPS, T)


def test_a_scale_that_grows_from_round_to_round_is_drift():
    grown = np.repeat([0.5, 0.52, 0.55], COUNT // 3)
    assert scale_drift(circles(grown), circles(np.ones(COUNT)), 3) == pytest.approx(0.1, abs=1e-6)
    assert scale_drift(circles(np.full(COUNT, 0.5)), circles(np.ones(COUNT)), 3) == pytest.approx(0.0, abs=1e-9)


def run_folder(folder, slower=1.0, mb_per_frame=0.0, mode="sim3"):
    folder.mkdir()
    loops = {"found": 5, "closed": 2, "tied": 2, "refused": 1, "joined": 0, "fused": 40, "closed_at": []}
    summary = {
        "ate": {"rmse": 0.02}, "align": mode, "coverage_final": 1.0, "keyframes": 100, "peak_memory_mb": 700.0,
        "info": {"loops": loops, "map_bytes": 20_000_000},
    }  # fmt: skip
    (folder / "summary.json").write_text(json.dumps(summary))
    with (folder / "health.jsonl").open("w") as file:
        for i in range(COUNT):
            ms = 20.0 * (slower if i > COUNT // 2 else 1.0)
            record = {"index": i, "total_ms": ms + 9.0, "ms": {"extract": 9.0}, "memory_mb": 400 + mb_per_frame * i}
            file.write(json.dumps(record) + "\n")
    return folder


def test_time_and_memory_along_a_run_are_those_of_its_records(tmp_path):
    truth = circles(np.ones(COUNT))
    run = long_run(run_folder(tmp_path / "run", slower=1.5, mb_per_frame=0.1), truth, truth, 3)
    assert (run.early_ms, run.late_ms, run.ratio) == (20.0, 30.0, 1.5)
    assert run.early_mb == pytest.approx(450.0) and run.late_mb == pytest.approx(694.9)
    assert run.keyframe_kb == 200.0 and run.loops == 4 and run.refused == 1
    assert run.scale_drift == pytest.approx(0.0, abs=1e-9)
    assert long_run(run_folder(tmp_path / "metric", mode="se3"), truth, truth, 3).scale_drift is None


def test_the_table_says_what_failed_and_what_was_not_covered():
    good = LongRun("", 0.01, 1.0, 90, 4, 0, None, 20.0, 22.0, 400.0, 401.0, 500.0, 150.0)
    bad, part = LongRun("exit code 1: broken"), LongRun("", 0.05, 0.9, 120)
    text = rendered_table(
        [LongRow("RGB-D", "se3", 3000, good, part), LongRow("mono", "sim3", 3000, bad, good)], {}, "x"
    )
    assert "0.0100 m | 0.0500 m of 90.0%" in text and "| 1.10 |" in text and "exit code 1: broken" in text
    assert len({line.count("|") for line in text.splitlines() if line.startswith("|")}) == 1
    assert "RGB-D failed" in rendered_table([], {"rgbd": "RGB-D failed"}, "x")


def test_every_long_case_runs_one_of_the_corridors_with_loops_and_without():
    names = {recording.name for recording in corridors(3000)}
    assert {case.case.path for case in LONG_CASES} == names
    for case in LONG_CASES:
        assert case.without_loops().options == (*case.with_loops().options, "--set", "loops.close=false")
        assert case.without_loops().name != case.with_loops().name


def test_rooms_differ_and_lie_where_their_cases_look():
    chosen = rooms(3, 12.0)
    assert len({room.options for room in chosen}) == 3
    assert (
        room_case(chosen[0], "rgbd").path == "room_701/tum" and room_case(chosen[0], "stereo").path == "room_701/euroc"
    )


@pytest.mark.parametrize(("changed", "words"), [({"rooms": 1}, "at least 2"), ({"frames": -1}, "must not be negative")])
def test_what_cannot_be_measured_is_one_clear_error(tmp_path, changed, words):
    with pytest.raises(ConfigError, match=words):
        RenderedOptions(tmp_path, **changed)


def test_a_case_that_does_not_exist_is_one_clear_error(tmp_path):
    options = RenderedOptions(tmp_path, rooms=0, only="lunar")
    with pytest.raises(ConfigError, match="fits none of RGB-D, stereo"):
        bench_rendered_to_folder(options, tmp_path / "out", "slam bench long", print)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_two_rooms_are_rendered_run_and_judged(tmp_path):
    options = RenderedOptions(tmp_path / "recordings", frames=0, rooms=2, room_s=1.0)
    text = bench_rendered_to_folder(options, tmp_path / "out", "slam bench long", print)
    assert "| rgbd | 2 |" in text and "| stereo | 2 |" in text
    (folder,) = (tmp_path / "out").iterdir()
    found = json.loads((folder / "rendered.json").read_text())["consistency"]
    assert found["rgbd"]["mean"] > 0 and found["stereo"]["moments"] > 5
    assert not list((tmp_path / "recordings").glob("*unfinished*"))
