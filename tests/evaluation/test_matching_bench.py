"""``slam bench matching`` through the command line, and the sums it is made of."""

import json
import math

import numpy as np
import pytest
from bench_data import bench_data
from command_line import called

from slam.evaluation.matching_bench import depth_section
from slam.evaluation.matching_methods import adaptive_name, full_name, recipes
from slam.evaluation.matching_results import Outcome, repeated_figures, stranger_figures
from slam.evaluation.matching_tables import Row, Section, table_text
from slam.types import Matches


@pytest.fixture
def slam(monkeypatch, capsys, tmp_path):
    """``slam(...)`` in this process, an empty folder, and no downloaded weights."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EARLYBIRD_WEIGHTS", str(tmp_path / "nothing"))
    return lambda *args: called(monkeypatch, capsys, *args)


def result(errors_px, exit_layer=0, layers=0, possible=4, **how):
    index = np.arange(len(errors_px))
    confidence = np.linspace(0.9, 0.5, len(errors_px)).astype(np.float32)
    matches = Matches(index, index, confidence, exit_layer, **how)
    return Outcome(matches, layers, 50, np.array(errors_px, np.float64), possible, 2.0)


def test_the_command_compares_and_says_what_is_missing(slam, tmp_path):
    data = bench_data(tmp_path / "data", 63)
    answer = slam("bench", "matching", data, "--features", "sift", "--keypoints", 64, "--pairs", 2,
                  "--rendered", data / "sequences/sevenscenes_300", "--out", "out")  # fmt: skip
    assert answer.code == 0, answer.err
    for title in ("Oxford affine", "7-Scenes, 60 frames apart", "No overlap", "Repeated objects"):
        assert f"## {title}" in answer.out
    assert "- xfeat + nearest: weights 'xfeat': not on this machine" in answer.out
    content = json.loads(next((tmp_path / "out").glob("*/matching.json")).read_text())
    rows = content["sections"][0]["rows"]
    assert {row["labels"][0] for row in rows} >= {adaptive_name("sift"), full_name("sift"), "sift + nearest"}
    assert rows[0]["figures"]["precision %"] > 50
    assert str(tmp_path) not in (next((tmp_path / "out").glob("*/matching.md"))).read_text()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--features", "swift"), "unknown extractor 'swift'"),
        (("--features", "sift", "--keypoints", "0"), "at least 8"),
        (("--features", "sift", "--pairs", "0"), "must be at least 1"),
        (("--features", "sift"), "holds eval_pairs"),
    ],
)
def test_bad_input_is_one_sentence(slam, tmp_path, more, words):
    answer = slam("bench", "matching", tmp_path, *more)
    assert answer.code == 2 and words in answer.err
    assert answer.err.startswith("error: ") and answer.err.count("\n") == 1


def test_methods_are_named_once():
    for features in ("sift", "xfeat", "earlybird"):
        names = [recipe.name for recipe in recipes(features)]
        assert len(set(names)) == len(names)


def test_false_matches_are_counted_at_the_recall_asked_for():
    outcomes = [result([1.0, 9.0, 1.0, np.nan]), result([1.0, 1.0, 9.0])]
    figures = repeated_figures(outcomes, recall=0.5)
    assert figures["false"] == 1.0  # per pair
    assert figures["recall %"] == pytest.approx(50.0)
    assert figures["false there"] == pytest.approx(0.5)
    assert figures["far"] == 0.0
    assert math.isnan(repeated_figures(outcomes, recall=1.0)["false there"])


def test_leaving_for_want_of_points_is_no_claim_of_confidence():
    sure = result([np.nan] * 20, exit_layer=2, layers=6)
    emptied = result([], exit_layer=2, layers=6, pruned=0.6, emptied=True)  # one side only
    hurried = result([], exit_layer=2, layers=6, hurried=True)
    figures = stranger_figures([sure, emptied, hurried, result([], exit_layer=6, layers=6)])
    assert figures["early %"] == figures["early, 15+ matches %"] == pytest.approx(100 / 4)
    assert figures["most %"] == pytest.approx(40.0)


def test_the_cost_of_leaving_early_is_the_worst_figure():
    rows = (
        Row((full_name("sift"), "512"), {"AUC@5": 50.0, "recall %": 80.0, "ms": 9.0}),
        Row((adaptive_name("sift"), "512"), {"AUC@5": 49.5, "recall %": 77.0, "ms": 3.0}),
    )
    (row,) = depth_section([Section("room", ("method", "keypoints"), rows)], "sift").rows
    assert row.labels == ("room", "512", "recall %") and row.figures["points lost"] == pytest.approx(3.0)


def test_a_table_is_padded_markdown_with_dashes_for_what_is_missing():
    rows = (Row(("long name",), {"ms": 1.25}), Row(("b",), {"exit": 2.0, "ms": math.nan}))
    lines = table_text(Section("t", ("method",), rows)).splitlines()
    assert lines[0] == "| method    |  ms | exit |"
    assert lines[2:] == ["| long name | 1.2 |    - |", "| b         |   - | 2.00 |"]
