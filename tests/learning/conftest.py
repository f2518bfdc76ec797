"""A handful of textured photographs, made here, and a small cache of their features."""

import cv2
import pytest
from learning_pictures import FEATURES, textured

from slam.learning.cache import build_shard


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(6):
        cv2.imwrite(str(folder / f"photo_{seed}.png"), textured(seed))
    return folder


@pytest.fixture(scope="session")
def shards(photos, tmp_path_factory):
    """The folder of one training shard: six scenes."""
    folder = tmp_path_factory.mktemp("cache") / "train"
    build_shard(folder / "shard_0000.npy", sorted(photos.glob("*.png")), FEATURES, seed=1, scenes=6)
    return folder
