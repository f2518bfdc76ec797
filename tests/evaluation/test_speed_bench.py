"""``slam bench speed`` through the command line, and what it measures."""

import json

import numpy as np
import pytest
from command_line import called

from slam.config import MatcherConfig
from slam.evaluation.speed_bench import in_turns, ratio_rows
from slam.evaluation.speed_memory import peak_of_match
from slam.evaluation.speed_methods import ADAPTIVE, BASELINES, FULL, NEAREST, Ours, opened
from slam.evaluation.speed_runs import stage_rows

SIFT = Ours("sift", MatcherConfig())


@pytest.fixture
def slam(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EARLYBIRD_WEIGHTS", str(tmp_path / "nothing"))
    return lambda *args: called(monkeypatch, capsys, *args)


def test_every_call_is_made_in_every_round_and_the_first_one_changes():
    made = []
    calls = {(name,): lambda number, name=name: made.append((name, number)) for name in "abc"}
    timed = in_turns(calls, 3)
    assert all(len(found) == 3 for found in timed.values())
    assert "".join(name for name, _ in made) == "abc" + "abc" + "bca" + "cab"


def test_the_ratio_is_to_our_adaptive_median():
    timed = {(name, "any"): [(8.0, None)] * 3 for name in BASELINES if name != NEAREST}
    timed |= {(NEAREST, kind): [(1.0, None)] for kind in ("video", "hard")}
    timed |= {(FULL, kind): [(6.0, None)] for kind in ("video", "hard")}
    timed |= {(ADAPTIVE, "video"): [(2.0, None)] * 3, (ADAPTIVE, "hard"): [(4.0, None)] * 3}
    rows = {row.labels[0]: row.figures for row in ratio_rows(timed, 512)}
    assert rows[FULL] == {"video x": 3.0, "hard x": 1.5}
    assert rows[BASELINES[-1]] == {"video x": 4.0, "hard x": 2.0}


def test_stages_are_summed_up_over_the_frames_that_had_them():
    record = {"ms": {"extract": 4.0}, "total_ms": 5.0, "dropped": 0, "exit_layer": 0, "latency_ms": None}
    later = {"ms": {"extract": 6.0, "match": 3.0}, "total_ms": 10.0, "dropped": 2, "exit_layer": 3, "latency_ms": 12.0}
    rows = stage_rows("demo", f"{json.dumps(record)}\n{json.dumps(later)}\n", coverage=0.5)
    figures = {row.labels[1]: row.figures for row in rows}
    assert figures["extract"] == {"p50": 5.0, "p95": pytest.approx(5.9), "max": 6.0, "frames": 2}
    assert figures["match"]["frames"] == 1
    assert figures["total"]["dropped"] == 2 and figures["total"]["exit"] == 3.0 and figures["total"]["tracked %"] == 50


@pytest.mark.parametrize("name", [FULL, *BASELINES])
def test_every_matcher_that_is_timed_can_be_built(name):
    assert opened(name, SIFT).num_layers == {NEAREST: 0, FULL: 6}.get(
        name, int("".join(filter(str.isdigit, name)) or 0)
    )


def test_a_larger_match_takes_more_memory():
    small, large = (peak_of_match(NEAREST, SIFT, 128, count).match_mb for count in (64, 2048))
    assert large > small
    assert 2048 * 2048 * 4 / 1e6 * 0.9 < large < 200  # MB; one matrix of similarities at least


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--features", "sift", "--rounds", "1"), "at least 2"),
        (("--features", "sift", "--keypoints", "2"), "at least 8"),
        (("--features", "orb"), "none come with features 'orb'"),
        (("nowhere", "--features", "sift"), "does not exist"),
    ],
)
def test_bad_input_is_one_sentence(slam, more, words):
    answer = slam("bench", "speed", *more)
    assert answer.code == 2 and words in answer.err
    assert answer.err.startswith("error: ") and answer.err.count("\n") == 1


@pytest.mark.slow
def test_the_command_measures_on_the_demo(slam, tmp_path):
    answer = slam("bench", "speed", "--features", "sift", "--keypoints", 64, "--rounds", 2, "--max-frames", 6,
                  "--out", "out")  # fmt: skip
    assert answer.code == 0, answer.err
    for title in ("Extractors", "Matchers", "Ratios", "Memory", "Whole frames", "Published"):
        assert f"## {title}" in answer.out
    assert "- xfeat: missing" in answer.out
    content = json.loads(next((tmp_path / "out").glob("*/speed.json")).read_text())
    totals = [row for row in content["sections"][4]["rows"] if row["labels"][1] == "total"]
    assert {row["labels"][0] for row in totals} == {
        f"demo {m}, {p}" for m in ("rgbd", "mono") for p in ("replay", "paced")
    }
    assert all(np.isfinite(row["figures"]["p95"]) for row in totals)
