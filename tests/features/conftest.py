"""Pictures that the tests of the extractors look at."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from slam.features.earlybird import CompactNetwork

WEIGHTS = {
    "xfeat": "weights/xfeat_rebuilt/xfeat_rebuilt.pt",
    "aliked-t16": "weights/aliked/aliked-t16.pth",
    "aliked-n16": "weights/aliked/aliked-n16.pth",
    "superpoint": "weights/superpoint_v1_fp16/superpoint_v1_from_fp16.pth",
}


@pytest.fixture(scope="session")
def texture() -> np.ndarray:
    """(240, 320) uint8: smooth noise with many blobs and corners."""
    noise = np.random.default_rng(7).normal(0, 1, (240, 320)).astype(np.float32)
    blurred = cv2.GaussianBlur(noise, (0, 0), 2.0)
    return cv2.normalize(blurred, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


@pytest.fixture(scope="session")
def teacher(recorded: Path):
    """Name of a learned extractor to its recorded weights file."""
    return lambda name: str(recorded / WEIGHTS[name])


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def used_network():
    """Makes an untrained extractor's network, always the same one, whose batch norms know something."""

    def made() -> CompactNetwork:
        torch.manual_seed(0)
        network = CompactNetwork().train()
        for _ in range(3):
            network(torch.randn(2, 1, 64, 96))
        return network.eval()

    return made
