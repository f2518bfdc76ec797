"""SuperPoint (DeTone et al., CVPRW 2018). Magic Leap's weights: NON-COMMERCIAL research only, no redistribution.

They are never part of this project; `slam download weights superpoint` fetches them after saying so.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from slam.features.network import (
    as_features,
    load_weights,
    local_maxima,
    pixels_from_cells,
    sample,
    strongest,
    to_tensor,
)
from slam.types import Features, Uint8

THRESHOLD = 5e-4  # least keypoint probability (official)
NMS_RADIUS = 4  # px (official)
BORDER = 4  # px (official)
CELL = 8  # px of the image per cell of the feature map


class SuperPointExtractor:
    """At most ``max_keypoints`` SuperPoint keypoints on whole pixels, with 256-d descriptors."""

    name = "superpoint"
    descriptor_dim = 256

    def __init__(self, max_keypoints: int, weights: Path) -> None:
        self._max_keypoints = max_keypoints
        self._network = SuperPointNetwork()
        load_weights(self._network, weights)

    @torch.inference_mode()
    def extract(self, image: Uint8) -> Features:
        """Features of a (H, W) uint8 grey picture; up to 7 px at the right and lower rim are not looked at."""
        height, width = (side // CELL * CELL for side in image.shape)
        logits, described = self._network(to_tensor(image[:height, :width]))
        probability = pixels_from_cells(torch.softmax(logits, 1)[:, :-1])
        peaks = local_maxima(probability, NMS_RADIUS, THRESHOLD, BORDER)
        scores = probability[peaks[:, 1], peaks[:, 0]]
        kept = strongest(peaks, scores, self._max_keypoints, (width, height))
        xy = peaks[kept].float()
        descriptors = sample(functional.normalize(described, dim=1), descriptor_places(xy, width, height))
        return as_features(xy, scores[kept], descriptors, (image.shape[1], image.shape[0]))


def descriptor_places(xy: Tensor, width: int, height: int) -> Tensor:
    """Where the descriptor of a pixel lies, (K, 2) in [-1, 1] over the cells.

    Official scaling, which matchers were trained on: the middle of the first cell is its centre, the last pixel is
    the centre of the last cell.
    """
    cells = torch.tensor([width, height]) / CELL
    middle = (CELL - 1) / 2
    cell = (xy - middle) / (cells * CELL - 1 - middle) * (cells - 1)
    return (cell + 0.5) / cells * 2 - 1


class SuperPointNetwork(nn.Module):
    """The shared encoder and the two heads of the paper, with the official parameter names."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1a, self.conv1b = conv3x3(1, 64), conv3x3(64, 64)
        self.conv2a, self.conv2b = conv3x3(64, 64), conv3x3(64, 64)
        self.conv3a, self.conv3b = conv3x3(64, 128), conv3x3(128, 128)
        self.conv4a, self.conv4b = conv3x3(128, 128), conv3x3(128, 128)
        self.convPa, self.convPb = conv3x3(128, 256), nn.Conv2d(256, CELL * CELL + 1, 1)
        self.convDa, self.convDb = conv3x3(128, 256), nn.Conv2d(256, 256, 1)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """(1, 1, H, W) to keypoint logits (1, 65, H/8, W/8) and descriptors (1, 256, H/8, W/8)."""
        x = picture
        for level in "1234":
            for step in "ab":
                x = functional.relu(getattr(self, f"conv{level}{step}")(x))
            if level != "4":
                x = functional.max_pool2d(x, 2)
        logits = self.convPb(functional.relu(self.convPa(x)))
        return logits, self.convDb(functional.relu(self.convDa(x)))


def conv3x3(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)
