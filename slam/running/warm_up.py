"""Before the first frame: what is slow the first time is done, and the recording's rate is looked up."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice

import numpy as np

from slam.camera import Rig
from slam.pipeline import Slam
from slam.sources import Source, live
from slam.types import Frame

RATE_FRAMES = 10


def warm_up(slam: Slam, rig: Rig) -> None:
    """Observe noise of the camera's size once, and match it with and without predicted positions."""
    width, height = rig.left.image_size
    noise = np.random.default_rng(0).integers(0, 256, (height, width), np.uint8)
    depth_m = np.ones((height, width), np.float32)
    view = slam.observer.observe(Frame(-1, 0, noise, depth_m=depth_m, right=noise)).features.view()
    predicted = replace(view, sigma_px=np.ones(len(view.xy), np.float32))
    slam.matcher.match_many([(predicted, view), (view, view)], max_layers=slam.matcher.num_layers)


@contextmanager
def settled_memory() -> Iterator[None]:
    """What lives now stays while this is entered: the collector looks at none of it, which would cost tens of ms."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def frame_rate(source: Source) -> float:
    """Frames per second by the first stamps of a recording, 0 when it has fewer than two frames; a camera's claim."""
    camera = live(source)
    if camera is not None:
        return camera.fps
    stamps_ns = [frame.stamp_ns for frame in islice(source, RATE_FRAMES)]
    return 1e9 / float(np.median(np.diff(stamps_ns))) if len(stamps_ns) > 1 else 0.0
