"""Disparities from a synthetic pair whose shift is known to a fraction of a pixel."""

import numpy as np
import pytest

from slam.tracking.stereo import (
    MAX_ROW_DIFFERENCE_PX,
    MIN_SIMILARITY,
    SEARCH_PX,
    _partners,
    correlate_on_row,
    match_rows,
)
from slam.types import Features

SIZE = (320, 240)


def shifted_pair(disparity_px, seed=0):
    """A wall without depth: the right picture is the left one, this much further left.

    Shifted by the phases of its Fourier transform; OpenCV's bicubic warp is itself off by up to 0.05 px.
    """
    waves = np.fft.fft2(np.random.default_rng(seed).normal(size=SIZE[::-1]))
    frequency_y, frequency_x = np.fft.fftfreq(SIZE[1])[:, None], np.fft.fftfreq(SIZE[0])[None]
    waves *= np.exp(-2 * (np.pi * 1.2) ** 2 * (frequency_x**2 + frequency_y**2))  # blurred by 1.2 px
    left = np.fft.ifft2(waves).real
    right = np.fft.ifft2(waves * np.exp(2j * np.pi * frequency_x * disparity_px)).real
    return tuple(np.clip(np.rint(128 + 50 * image / left.std()), 0, 255).astype(np.uint8) for image in (left, right))


def places(count=60, seed=1):
    return np.random.default_rng(seed).uniform((60, 20), (300, 220), (count, 2)).astype(np.float32)


def features(xy, seed=2):
    descriptors = np.random.default_rng(seed).normal(size=(len(xy), 32))
    descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
    return Features(xy.astype(np.float32), np.ones(len(xy), np.float32), descriptors.astype(np.float32), SIZE)


@pytest.mark.parametrize("disparity_px", [12.0, 12.25, 12.5, 12.9])
def test_correlation_finds_a_shift_within_a_twentieth_of_a_pixel(disparity_px):
    (left, right), xy = shifted_pair(disparity_px), places()
    guess = xy[:, 0] - disparity_px + np.random.default_rng(3).uniform(-2, 2, len(xy))
    right_x, ok = correlate_on_row(left, right, xy, guess.astype(np.float32))
    assert ok.all()
    error_px = xy[:, 0] - right_x - disparity_px
    assert abs(error_px.mean()) < 0.02
    assert np.median(np.abs(error_px)) < 0.05
    assert np.abs(error_px).max() < 0.15


def test_a_guess_too_far_off_is_refused():
    (left, right), xy = shifted_pair(12.0), places()
    _, ok = correlate_on_row(left, right, xy, xy[:, 0] - 12.0 - SEARCH_PX - 2)
    assert ok.mean() < 0.05


def test_two_different_pictures_do_not_correlate():
    xy = places()
    _, ok = correlate_on_row(shifted_pair(0.0)[0], shifted_pair(0.0, seed=5)[0], xy, xy[:, 0])
    assert ok.mean() < 0.05


def test_matches_along_the_row_give_the_disparity():
    (left, right), a = shifted_pair(12.3), features(places())
    b = features(np.add(a.xy, (-12.3, 0.8)))
    right_x = match_rows(left, right, a, b, max_disparity_px=60.0)
    assert np.isfinite(right_x).all()
    np.testing.assert_allclose(a.xy[:, 0] - right_x, 12.3, atol=0.15)  # px, the worst of all


@pytest.mark.parametrize(
    ("offset", "max_disparity_px"),
    [((-12.0, 3.0), 60.0), ((12.0, 0.0), 60.0), ((-12.0, 0.0), 10.0)],
    ids=["another row", "behind the cameras", "too near"],
)
def test_partners_that_cannot_be_are_refused(offset, max_disparity_px):
    (left, right), a = shifted_pair(-offset[0]), features(places())
    assert np.isnan(match_rows(left, right, a, features(a.xy + offset), max_disparity_px)).all()


def test_partners_are_each_others_best_of_all_that_may_be():
    rng = np.random.default_rng(5)
    a, b = (features(rng.uniform(0, 80, (count, 2)), seed=count) for count in (300, 280))
    a.descriptors[:], b.descriptors[:] = np.abs(a.descriptors), np.abs(b.descriptors)  # alike enough to be partners
    disparity = a.xy[:, None, 0] - b.xy[None, :, 0]
    allowed = (
        (np.abs(a.xy[:, None, 1] - b.xy[None, :, 1]) < MAX_ROW_DIFFERENCE_PX) & (disparity > -1) & (disparity < 40)
    )
    similarity = np.where(allowed, a.descriptors @ b.descriptors.T, -1)
    best = similarity.argmax(1)
    mutual = (similarity.argmax(0)[best] == np.arange(len(a))) & (similarity.max(1) > MIN_SIMILARITY)
    index_a, index_b = _partners(a, b, 40.0)
    assert mutual.sum() > 20
    assert (index_a.tolist(), index_b.tolist()) == (mutual.nonzero()[0].tolist(), best[mutual].tolist())


def test_points_that_look_different_are_no_partners():
    (left, right), a = shifted_pair(12.0), features(places())
    b = features(a.xy - [12.0, 0.0], seed=9)
    assert np.isnan(match_rows(left, right, a, b, 60.0)).mean() > 0.95


def test_points_without_disparity_are_too_far_to_measure():
    (left, right), a = shifted_pair(0.2), features(places())
    assert np.isnan(match_rows(left, right, a, features(a.xy - [0.2, 0.0]), 60.0)).all()


def test_no_features_on_either_side_give_no_disparities():
    left, some, none = shifted_pair(0.0)[0], features(places()), features(np.zeros((0, 2)))
    assert np.isnan(match_rows(left, left, some, none, 60.0)).all()
    assert match_rows(left, left, none, some, 60.0).shape == (0,)
