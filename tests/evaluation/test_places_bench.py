"""``slam bench places`` through the command line, the truth it judges by, and its sums."""

import json

import numpy as np
import pytest
from command_line import called, short_recording

from slam.camera import Camera, Rig
from slam.data_files import data_dir
from slam.evaluation.places_methods import mean_descriptor, place_methods, thumbnail
from slam.evaluation.places_scores import earlier, place_figures, proposals
from slam.evaluation.places_truth import Truth, place_view, seen_share, together, truth_of
from slam.geometry import exp_se3
from slam.types import Features, Frame

RIG = Rig("wall", Camera(320, 240, 300.0, 300.0, 160.0, 120.0))
SECOND_NS = 10**9


@pytest.fixture
def slam(monkeypatch, capsys, tmp_path):
    """``slam(...)`` in this process and in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *args: called(monkeypatch, capsys, *args)


def wall(x_m=0.0, turn_rad=0.0, depth_m=2.0):
    """A camera before a wall, moved along it or turned about y."""
    T_world_cam = exp_se3(np.array([0, turn_rad, 0, 0, 0, 0]))
    T_world_cam[0, 3] = x_m
    depth = np.full((240, 320), depth_m, np.float32)
    return place_view(RIG, Frame(0, 0, np.zeros((240, 320), np.uint8)), depth, T_world_cam)


def truth(right):
    shares = np.array(right, float)
    return Truth(shares, shares)


def test_a_frame_sees_of_another_what_falls_into_it():
    width_m = 2.0 * 320 / 300  # of the wall in a picture
    for part in (0.0, 0.2, 0.5, 0.8):
        assert seen_share(wall(), wall(part * width_m), RIG.left) == pytest.approx(1 - part, abs=0.06)
    assert seen_share(wall(), wall(turn_rad=np.pi), RIG.left) == 0.0


def test_what_stands_before_a_place_hides_it():
    assert seen_share(wall(), wall(depth_m=1.0), RIG.left) == 0.0
    assert seen_share(wall(), wall(depth_m=0.0), RIG.left) == 1.0  # nobody knows


def test_one_place_needs_both_frames_to_see_it():
    found = truth_of([wall(), wall(0.4), wall(1.7), wall(9.0)], RIG)
    assert found.right[0].tolist() == [True, True, False, False]
    assert found.wrong[0].tolist() == [False, False, False, True]
    assert (found.right == found.right.T).all()


def test_other_recordings_show_other_places():
    both = together([truth(np.ones((2, 2))), truth(np.ones((3, 3)))])
    assert both.right.sum() == 4 + 9 and (both.wrong == ~both.right).all()
    stamps_ns, recording = np.array([0, 5, 0, 5, 9]) * SECOND_NS, np.array([0, 0, 1, 1, 1])
    compared = earlier(stamps_ns, recording, apart_s=5.0)
    assert compared[4].tolist() == [True, True, True, False, False]
    assert compared[0].tolist() == [False, False, True, True, True]


def test_the_figures_of_known_proposals():
    """Frames 0 to 2 are three places; 3 to 5 come back to them: found at once, found second, mistaken; 6 is new."""
    vectors = np.eye(8, dtype=np.float32)[[0, 1, 2, 0, 1, 2, 3]]
    vectors[4, :3] = [0.8, 0.6, 0.0]
    vectors[5, :3] = [0.9, 0.3, np.sqrt(0.1)]
    vectors[6, :4] = [0.0, 0.0, 0.5, np.sqrt(0.75)]
    right = np.eye(7, dtype=bool) | np.eye(7, k=3, dtype=bool) | np.eye(7, k=-3, dtype=bool)
    right[3, 6] = right[6, 3] = False
    compared = np.zeros((7, 7), bool)
    compared[3:, :3] = True
    found = proposals(vectors, truth(right), compared)
    assert found.proposed[:, 0].tolist() == [0, 0, 0, 2] and found.has_match.tolist() == [True, True, True, False]
    figures = place_figures(found, truth(right))
    assert figures["R@1 %"] == figures["area %"] == figures["R at P100 %"] == pytest.approx(100 / 3)
    assert figures["R@5 %"] == pytest.approx(100.0)
    undecided = Truth(0.2 * ~right + right, 0.2 * ~right + right)
    assert place_figures(found, undecided)["seen %"] == pytest.approx(100 * (1 + 0.2 + 0.2) / 3)


def test_a_frame_without_features_proposes_nothing_and_breaks_nothing():
    vectors = np.zeros((3, 4), np.float32)
    vectors[0, 0] = 1.0
    found = proposals(vectors, truth(np.ones((3, 3))), np.tri(3, k=-1, dtype=bool))
    assert (found.proposed == -1).all()
    figures = place_figures(found, truth(np.ones((3, 3))))
    assert figures["R@5 %"] == figures["area %"] == 0.0


def test_thumbnails_ignore_brightness_and_all_methods_give_unit_vectors():
    rng = np.random.default_rng(0)
    image = (20 + 0.2 * np.add.outer(np.arange(240), np.arange(320) % 100)).astype(np.uint8)
    assert thumbnail(image) @ thumbnail(2 * image + 10) == pytest.approx(1.0, abs=1e-4)
    for method in place_methods("earlybird"):
        dim = {"sift": 128, "orb": 256}.get(method.features, 64)
        found = Features(np.zeros((9, 2), np.float32), np.ones(9, np.float32), rng.normal(size=(9, dim)), (320, 240))
        assert np.linalg.norm(method.describe(image, found)) == pytest.approx(1.0, abs=1e-4), method.name
    nothing = Features(np.zeros((0, 2)), np.zeros(0), np.zeros((0, 64)), (320, 240))
    assert not mean_descriptor(nothing).any()


def test_the_command_compares_and_says_what_it_left_out(slam, tmp_path):
    short_recording(tmp_path / "data/sequences/short", 6)
    (tmp_path / "data/sequences/drone/mav0").mkdir(parents=True)
    answer = slam("bench", "places", tmp_path / "data", "--recording", data_dir("datasets") / "demo/tum",
                  "--every", 15, "--apart-s", 1, "--keypoints", 128, "--out", "out")  # fmt: skip
    assert answer.code == 0, answer.err
    for title in ("## tum\n", "## short + tum\n", "## Costs\n", "- drone: no depth"):
        assert title in answer.out
    assert "1 frames, 0 of them" in answer.out and "Too few to judge by." in answer.out
    content = json.loads(next((tmp_path / "out").glob("*/places.json")).read_text())
    rows = {row["labels"][0]: row["figures"] for s in content["sections"] if s["title"] == "tum" for row in s["rows"]}
    assert rows["earlybird, trained VLAD"]["R@5 %"] > 80
    assert str(tmp_path) not in next((tmp_path / "out").glob("*/places.md")).read_text()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--every", 0), "--every must be at least 1"),
        ((), "no recording with depth and poses"),
        (("--recording", "nowhere"), "does not exist"),
    ],
)
def test_bad_input_is_one_sentence(slam, more, words):
    answer = slam("bench", "places", *more)
    assert answer.code == 2 and words in answer.err
    assert answer.err.startswith("error: ") and answer.err.count("\n") == 1
