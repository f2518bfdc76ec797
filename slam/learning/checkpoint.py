"""Training state on disk, so that an interrupted training goes on where it was."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from slam.errors import ConfigError


@dataclass(frozen=True)
class Checkpoint:
    """How far a training has come."""

    steps: int
    pairs: int
    seconds: float


def save_checkpoint(
    path: Path,
    done: Checkpoint,
    network: nn.Module,
    average: nn.Module,
    optimizer: torch.optim.Optimizer,
    rng: np.random.Generator,
) -> None:
    """Write everything that ``load_checkpoint`` needs; the file is replaced in one go."""
    unfinished = path.with_suffix(".part")
    state = {
        "done": asdict(done),
        "network": network.state_dict(),
        "average": average.state_dict(),
        "optimizer": optimizer.state_dict(),
        "rng": rng.bit_generator.state,
    }
    torch.save(state, unfinished)
    unfinished.replace(path)


def load_checkpoint(
    path: Path,
    network: nn.Module,
    average: nn.Module,
    optimizer: torch.optim.Optimizer,
    rng: np.random.Generator,
) -> Checkpoint:
    """Put a saved state back into the given objects. Raises ConfigError when it is of a network of other sizes."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    try:
        network.load_state_dict(state["network"])
        average.load_state_dict(state["average"])
    except RuntimeError as error:
        raise ConfigError(f"checkpoint {path}: of another network; resume with the sizes of the first run") from error
    optimizer.load_state_dict(state["optimizer"])
    rng.bit_generator.state = state["rng"]
    return Checkpoint(**state["done"])
