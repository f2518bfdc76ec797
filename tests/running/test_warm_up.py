import gc

import numpy as np
import pytest

from slam.config import FeatureConfig, MatcherConfig, SlamConfig
from slam.pipeline import Slam
from slam.running.warm_up import frame_rate, settled_memory, warm_up
from slam.sources import open_source
from slam.types import Mode


@pytest.fixture(scope="module")
def demo():
    return open_source("demo", None, max_frames=12)


@pytest.mark.parametrize("mode", list(Mode))
def test_warming_up_leaves_no_trace(demo, mode):
    config = SlamConfig(FeatureConfig(name="orb"), MatcherConfig(name="nearest"))
    warm, cold = (Slam(demo.rig, mode, config) for _ in range(2))
    warm_up(warm, demo.rig)
    assert not warm.map.keyframes and len(warm.trajectory()) == 0
    frame = next(iter(demo))
    first, second = (slam.observer.observe(frame) for slam in (warm, cold))
    assert np.array_equal(first.features.descriptors, second.features.descriptors)


def test_the_rate_is_the_stamps_and_the_source_can_be_read_again(demo):
    assert frame_rate(demo) == pytest.approx(30.0, abs=0.1)
    assert [frame.index for frame in demo] == list(range(12))


def test_one_frame_has_no_rate():
    assert frame_rate(open_source("demo", None, max_frames=1)) == 0.0


def test_what_lives_before_the_run_is_not_looked_at_again():
    with settled_memory():
        assert gc.get_freeze_count() > 10_000  # objects, torch's alone are more
        assert gc.isenabled()
    assert gc.get_freeze_count() == 0
