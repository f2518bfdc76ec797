"""What the learned extractors share: loading weights by name, and choosing keypoints on a score map."""

from __future__ import annotations

import pickle
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from slam.errors import WeightsError
from slam.features.spread import spread_out
from slam.types import Features, Float32, Int64, Uint8


def load_weights(network: nn.Module, path: Path) -> None:
    """Fill a network from a state dict file and make it ready for inference.

    Every tensor of the network must be in the file with the same name and shape; tensors the network does not have
    are an error too, except those whose first name part is in the network's ``unused`` set.
    Raises WeightsError for a missing or damaged file, or one of another network.
    """
    state = read_state(path)
    unused: frozenset[str] = getattr(network, "unused", frozenset())
    state = {name: value for name, value in state.items() if name.split(".")[0] not in unused}
    wrong = first_difference(network.state_dict(), state)
    if wrong:
        raise WeightsError(
            f"weights {path}: are of another network ({wrong}); download the ones that belong to the name"
        )
    network.load_state_dict(state)
    network.eval().requires_grad_(False)


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a weights file, as float32 on the CPU. Raises WeightsError."""
    if not path.is_file():
        raise WeightsError(f"weights {path}: no such file; check features.weights, or run `slam download weights`")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, pickle.UnpicklingError, EOFError, ValueError, KeyError) as error:
        raise WeightsError(f"weights {path}: damaged, or not a PyTorch file; download it again") from error
    if isinstance(state, dict):
        state = state.get("state_dict", state)
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(f"weights {path}: hold no table of tensors; download the file again")
    return {name: value.float() if value.is_floating_point() else value for name, value in state.items()}


def save_weights(path: Path, network: nn.Module, meta: dict[str, object]) -> None:
    """Write a network's state as float16 with ``meta`` (plain values), for ``load_weights``; replaced in one go."""
    state = {name: value.half() if value.is_floating_point() else value for name, value in network.state_dict().items()}
    unfinished = path.with_suffix(".part")
    torch.save({"state_dict": state, "meta": meta}, unfinished)
    unfinished.replace(path)


def first_difference(wanted: dict[str, Tensor], found: dict[str, Tensor]) -> str:
    """What is wrong with ``found``, in a few words; "" when names and shapes agree."""
    for name, value in wanted.items():
        if name not in found:
            return f"'{name}' is missing"
        if found[name].shape != value.shape:
            return f"'{name}' has shape {tuple(found[name].shape)}, not {tuple(value.shape)}"
    extra = next((name for name in found if name not in wanted), "")
    return f"'{extra}' is not in this network" if extra else ""


def to_tensor(image: Uint8) -> Tensor:
    """(H, W) uint8 picture to a (1, 1, H, W) float32 tensor in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(image)).float().div_(255.0)[None, None]


def pixels_from_cells(cells: Tensor) -> Tensor:
    """(1, 64, h, w) values of the 8 x 8 pixels of every cell to an (8 h, 8 w) map."""
    return functional.pixel_shuffle(cells, 8)[0, 0]


def local_maxima(scores: Tensor, radius: int, threshold: float, border: int = 0) -> Tensor:
    """Pixels (K, 2), x first, that exceed ``threshold`` and are the greatest of their (2 radius + 1)^2 neighbourhood.

    scores: (H, W); border: px at the rim where nothing is kept.
    """
    return torch.from_numpy(greatest(scores.numpy(), radius, threshold, border))


def greatest(values: Float32, radius: int, threshold: float, border: int = 0) -> Int64:
    """What ``local_maxima`` does, on arrays: pixels (K, 2), row by row."""
    height, width = values.shape
    neighbourhood = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    is_peak = values == cv2.dilate(values, neighbourhood)  # 20 x faster than max_pool2d
    is_peak &= values > threshold
    is_peak[:border] = is_peak[height - border :] = False
    is_peak[:, :border] = is_peak[:, width - border :] = False
    y, x = np.divmod(np.flatnonzero(is_peak), width)  # 10 x faster than nonzero of two dimensions
    return np.stack([x, y], 1)


def strongest(xy: Tensor, scores: Tensor, count: int, image_size: tuple[int, int]) -> Tensor:
    """Indices (K,) of the keypoints to keep, spread over the picture (see ``spread_out``)."""
    return torch.from_numpy(spread_out(xy.float().numpy(), scores.numpy(), count, image_size))


def sample(grid: Tensor, xy: Tensor, mode: str = "bilinear") -> Tensor:
    """Values (K, C) of a (1, C, h, w) map at (K, 2) places in [-1, 1], where -1 and 1 are the map's outer edges."""
    return functional.grid_sample(grid, xy[None, None], mode=mode, align_corners=False)[0, :, 0].T


def as_features(xy: Tensor, scores: Tensor, descriptors: Tensor, image_size: tuple[int, int]) -> Features:
    """Numpy Features from tensors; descriptors are brought to unit length."""
    unit = functional.normalize(descriptors, dim=1)
    return Features(xy.float().numpy(), scores.float().numpy(), unit.contiguous().numpy(), image_size)
