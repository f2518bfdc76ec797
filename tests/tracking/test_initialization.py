"""The monocular start waits for parallax, says so, and is right when it comes."""

import numpy as np
import pytest
from synthetic_world import CAMERA, START, blank_frame, make_world, nothing_seen, walk

from slam.config import InitConfig
from slam.geometry import exp_se3, invert
from slam.matching.nearest import NearestMatcher
from slam.tracking.initialization import NEEDS_TRANSLATION, MonoInitializer

ROOM = make_world()


@pytest.fixture
def initializer():
    return MonoInitializer(CAMERA, NearestMatcher(), InitConfig())


def fed(initializer, poses, noise_px=0.5, first=0):
    """The answers for views from these poses, until a start."""
    answers = []
    for i, T_world_cam in enumerate(poses, first):
        observation, rows = ROOM.observe(T_world_cam, seed=i, noise_px=noise_px, depth=False, clutter=20)
        answers.append((*initializer.start(blank_frame(i), observation), rows))
        if answers[-1][0] is not None:
            break
    return answers


def still(count):
    return [START] * count


def turning(count):
    return [START @ exp_se3(np.array([0.1, 0.3, 0.05, 0, 0, 0]) * i / count) for i in range(count)]


@pytest.mark.parametrize("poses", [still(40), turning(40)], ids=["still", "turning"])
def test_a_camera_that_does_not_move_on_never_starts(initializer, poses):
    answers = fed(initializer, poses)
    assert len(answers) == 40 and all(start is None for start, *_ in answers)
    reasons = {reason.split(" (")[0] for _, reason, *_ in answers[1:]}
    assert reasons == {NEEDS_TRANSLATION}


def test_the_first_view_is_only_remembered(initializer):
    [(start, reason, matches, _)] = fed(initializer, still(1))
    assert (start, reason, len(matches)) == (None, "first view", 0)


def test_a_walking_camera_starts_with_points_where_they_are(initializer):
    poses = walk(30)
    *_, (start, reason, matches, rows_b) = fed(initializer, poses)
    assert start is not None and reason == "" and len(matches) >= 60
    T_a_b = invert(poses[0]) @ poses[start.frame_a.index + 1 + len(start.waited)]
    scale = np.linalg.norm(T_a_b[:3, 3]) / np.linalg.norm(start.T_world_cam_b[:3, 3])
    truth = (ROOM.points_world[rows_b[start.index_b]] - START[:3, 3]) @ START[:3, :3]
    error_m = np.linalg.norm(scale * start.points_world - truth, axis=1)
    assert np.median(start.points_world[:, 2]) == pytest.approx(1.0)
    assert np.median(error_m / truth[:, 2]) < 0.10


def test_the_frames_that_waited_come_with_the_start(initializer):
    *_, (start, *_) = fed(initializer, [*still(3), *walk(30)])
    assert [frame.index for frame, _ in start.waited] == list(range(1, 1 + len(start.waited)))
    assert len(start.waited) >= 3


def test_after_a_long_wait_a_later_view_becomes_the_first(initializer):
    fed(initializer, turning(40))
    *_, (start, *_) = fed(initializer, walk(30), first=40)
    assert start.frame_a.index > 0
    assert len(start.waited) <= InitConfig().max_wait_frames


def test_a_view_of_something_else_becomes_the_first(initializer):
    fed(initializer, still(2))
    start, reason, matches = initializer.start(blank_frame(2), nothing_seen())
    assert start is None and reason == "too few matches with the first view (0)" and len(matches) == 0
    *_, (start, *_) = fed(initializer, walk(30), first=3)
    assert start.frame_a.index == 3


def test_after_a_start_everything_begins_anew(initializer):
    fed(initializer, walk(30))
    [(start, reason, *_)] = fed(initializer, still(1))
    assert (start, reason) == (None, "first view")
