"""A small network with random weights."""

import pytest
import torch

from slam.matching.lightglue import LightGlue, NetworkShape


@pytest.fixture
def network():
    torch.manual_seed(5)
    return LightGlue(NetworkShape(width=32, heads=2, layers=4, input_dim=128)).eval()
