"""Where corners are: on drawn ones with a known place, and nowhere in what has none."""

import cv2
import numpy as np
import pytest

from slam.features.corners import CornerMeasure, corner_peaks, refined


def corners_of(image):
    measure = CornerMeasure()(image)
    return refined(corner_peaks(measure), measure)


def drawn(inside, size=(120, 160), scale=8):
    """What ``inside(u, v)`` is true for is bright; drawn larger and averaged down: it may lie between pixels."""
    v, u = np.mgrid[: size[0] * scale, : size[1] * scale] / scale + (0.5 / scale - 0.5)
    fine = np.where(inside(u, v), 200.0, 50.0).astype(np.float32)
    return np.round(cv2.resize(fine, size[::-1], interpolation=cv2.INTER_AREA)).astype(np.uint8)


SHAPES = {
    "corner": lambda x, y: lambda u, v: (u > x) & (v > y),
    "dot": lambda x, y: lambda u, v: np.hypot(u - x, v - y) < 3.0,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_is_found_once_and_near(shape):
    found = corners_of(drawn(SHAPES[shape](80.0, 60.0)))
    assert len(found) == 1
    assert np.linalg.norm(found[0] - [80, 60]) < 2.5  # px: inside of the corner, equally near to both edges


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("step", [(0.3, -0.4), (-0.25, 0.5), (0.7, 0.1)])
def test_a_step_of_a_part_of_a_pixel_is_followed(shape, step):
    before = corners_of(drawn(SHAPES[shape](80.0, 60.0)))
    after = corners_of(drawn(SHAPES[shape](80.0 + step[0], 60.0 + step[1])))
    np.testing.assert_allclose(after - before, np.tile(step, (len(after), 1)), atol=0.1)  # px


def test_a_straight_edge_has_no_corner():
    image = np.full((100, 120), 60, np.uint8)
    image[:, 50:] = 180
    assert len(corners_of(image)) == 0


def test_a_flat_picture_has_none_either():
    assert len(corners_of(np.full((64, 96), 128, np.uint8))) == 0


def test_corners_move_with_the_picture(texture):
    before, after = corners_of(texture[:-7, :-5]), corners_of(texture[7:, 5:])
    moved = before - [5, 7]
    inner = (moved > 12).all(1) & (moved < np.array(texture.shape[::-1]) - 26).all(1)
    distance_px = np.linalg.norm(moved[inner, None] - after, axis=2).min(1)
    assert inner.sum() > 50
    assert distance_px.max() < 1e-3


def test_corners_turn_with_the_picture(texture):
    before, after = corners_of(texture), corners_of(np.ascontiguousarray(np.rot90(texture)))
    turned = np.column_stack([before[:, 1], texture.shape[1] - 1 - before[:, 0]])
    assert np.linalg.norm(turned[:, None] - after, axis=2).min(1).max() < 1e-2


def test_pictures_of_different_sizes_take_turns(texture):
    measure = CornerMeasure()
    first = measure(texture).copy()
    measure(texture[:100, :90])
    np.testing.assert_array_equal(measure(texture), first)
