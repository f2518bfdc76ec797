"""Fixtures shared by all tests. Recorded data lies outside the project and is never committed."""

import os
from pathlib import Path

import cv2
import pytest

cv2.setNumThreads(1)
PLACES = [os.environ.get("EARLYBIRD_DATA", ""), str(Path(__file__).parents[2] / "shared" / "data")]


@pytest.fixture(scope="session")
def recorded() -> Path:
    """The folder of recorded sequences, image pairs and weights (see README, Tests)."""
    for place in PLACES:
        if place and (Path(place) / "sequences").is_dir():
            return Path(place)
    pytest.skip("RECORDED DATA NOT FOUND: set EARLYBIRD_DATA to its folder; this test was not run")
