"""A good camera that turns, seen once for all tests that need one."""

import pytest
from panorama import CAMERA, Stream

from slam.doctor.tracks import neighbours
from slam.doctor.turning import turns_of


@pytest.fixture(scope="session")
def good():
    return Stream()


@pytest.fixture(scope="session")
def good_images(good):
    return good.images()


@pytest.fixture(scope="session")
def good_pairs(good_images):
    return neighbours(good_images)


@pytest.fixture(scope="session")
def good_turns(good, good_images, good_pairs):
    return turns_of(CAMERA, good_pairs, good.capture(good_images).stamps_ns)
