"""The processes that train one network together: one alone, or as many as ``torchrun`` started."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn

PATIENCE = timedelta(hours=12)  # extracting features may take some members long


@dataclass(frozen=True)
class Team:
    """One member's place in the team, and the device that it computes on."""

    rank: int
    size: int
    device: torch.device

    @staticmethod
    def joined() -> Team:
        """The team that the environment describes (RANK, LOCAL_RANK, WORLD_SIZE); a GPU each when there are any."""
        rank, local, size = (int(os.environ.get(name, x)) for name, x in _PLACE.items())
        if torch.cuda.is_available():
            torch.cuda.set_device(local)
        device = torch.device("cuda", local) if torch.cuda.is_available() else torch.device("cpu")
        if size > 1 and not dist.is_initialized():
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
        return Team(rank, size, device)

    @property
    def leads(self) -> bool:
        """Whether this member writes the files."""
        return self.rank == 0

    def wait(self) -> None:
        """Until all members are here."""
        if self.size > 1:
            dist.barrier()

    def leave(self) -> None:
        """When all is done."""
        if self.size > 1:
            dist.destroy_process_group()

    def agree(self, network: nn.Module) -> None:
        """Give all members the leader's weights."""
        if self.size > 1:
            for value in network.state_dict().values():
                dist.broadcast(value, 0)

    def average(self, network: nn.Module, figures: Sequence[float]) -> list[float]:
        """Average the gradients and some figures over the members, in one message."""
        if self.size == 1:
            return list(figures)
        grads = [p.grad for p in network.parameters() if p.grad is not None]
        told = torch.tensor(figures, dtype=torch.float32, device=self.device)
        message = torch.cat([told, *(g.flatten() for g in grads)])
        dist.all_reduce(message)
        message /= self.size
        parts = message[len(figures) :].split([g.numel() for g in grads])
        for grad, part in zip(grads, parts, strict=True):
            grad.copy_(part.view_as(grad))
        return message[: len(figures)].tolist()

    def here(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """A batch on the member's device."""
        return {name: value.to(self.device, non_blocking=True) for name, value in batch.items()}


_PLACE = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1"}
