"""Views of an imaginary picture: points with random descriptors, moved by a known shift."""

import numpy as np

from slam.types import MatchView

SIZE = (640, 480)


def unit(descriptors):
    return (descriptors / np.linalg.norm(descriptors, axis=1, keepdims=True)).astype(np.float32)


def make_view(count, seed, width=128):
    rng = np.random.default_rng(seed)
    xy = rng.uniform((8, 8), (632, 472), (count, 2)).astype(np.float32)
    return MatchView(xy, unit(np.abs(rng.normal(size=(count, width))) ** 2), SIZE)


def moved(view, noise, seed, shift=(6.0, -4.0)):
    """The same points a little elsewhere in another order, descriptors disturbed; and that order."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(view.xy))
    disturbance = noise * rng.normal(size=view.descriptors.shape) / view.descriptors.shape[1] ** 0.5
    xy = (view.xy + np.float32(shift)).astype(np.float32)
    return MatchView(xy[order], unit(np.abs(view.descriptors + disturbance)[order]), SIZE), order


def predicted(view, sigma_px):
    """The view as a prediction that may be ``sigma_px`` off everywhere, or as none."""
    if sigma_px is None:
        return view
    return MatchView(view.xy, view.descriptors, view.image_size, np.full(len(view.xy), sigma_px, np.float32))
