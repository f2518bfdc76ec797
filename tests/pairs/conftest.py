"""Two pictures of the demo, 15 frames apart."""

import cv2
import pytest

from slam.data_files import data_dir


@pytest.fixture(scope="session")
def demo_images():
    """All pictures of the demo, in order."""
    return sorted((data_dir("datasets") / "demo" / "tum" / "rgb").glob("*.jpg"))


@pytest.fixture(scope="session")
def demo_pair(demo_images):
    return demo_images[20], demo_images[35]


@pytest.fixture(scope="session")
def demo_grey(demo_pair):
    return cv2.imread(str(demo_pair[0]), cv2.IMREAD_GRAYSCALE)
