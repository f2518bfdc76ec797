"""What a sweep trains: a TOML file with options, a grid of others, and seeds."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slam.errors import ConfigError

NETWORKS = {"matcher": ("matcher.pt", "cache"), "features": ("features.pt", "views")}  # weights, what it prepares
KEYS = {"train", "seeds", "processes", "prepared", "options", "grid"}
OWN = ("out", "seed", "resume")  # options of ``slam train`` that a sweep gives itself


@dataclass(frozen=True)
class Plan:
    """A sweep: every combination of the grid with every seed is one training."""

    network: str  # matcher or features
    seeds: tuple[int, ...]
    processes: int  # of each training, with torchrun when more than one
    prepared: str  # folder of an earlier training whose cache or views all of them use, "" to make their own
    options: dict[str, Any]  # of ``slam train``, of all trainings
    grid: dict[str, tuple[Any, ...]]  # option -> values

    def trainings(self) -> Iterator[tuple[dict[str, Any], int]]:
        """Values of the grid's options, and a seed."""
        for values in itertools.product(*self.grid.values()):
            for seed in self.seeds:
                yield dict(zip(self.grid, values)), seed


def read_plan(path: Path) -> Plan:
    """Read a sweep's file. Raises ConfigError."""
    try:
        plain = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); give the TOML file of a sweep") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not TOML ({error})") from error
    unknown = sorted(plain.keys() - KEYS)
    if unknown:
        raise ConfigError(f"{path}: unknown entry '{unknown[0]}'; known: {', '.join(sorted(KEYS))}")
    plan = Plan(
        network=plain.get("train", ""),
        seeds=tuple(plain.get("seeds", [0])),
        processes=plain.get("processes", 1),
        prepared=plain.get("prepared", ""),
        options=plain.get("options", {}),
        grid={name: tuple(values) for name, values in plain.get("grid", {}).items() if isinstance(values, list)},
    )
    _check(plan, plain, path)
    return plan


def words(options: dict[str, Any]) -> list[str]:
    """Options as ``slam train`` reads them; ``images``, its argument, comes first."""
    return [str(options["images"])] * ("images" in options) + [
        word
        for name, value in options.items()
        if name != "images"
        for item in (value if isinstance(value, (list, tuple)) else [value])
        for word in (f"--{name.replace('_', '-')}", str(item))
    ]


def _check(plan: Plan, plain: dict[str, Any], path: Path) -> None:
    if plan.network not in NETWORKS:
        raise ConfigError(f"{path}: train = '{plan.network}'; write one of {', '.join(NETWORKS)}")
    if not plan.seeds or not all(type(seed) is int and seed >= 0 for seed in plan.seeds):
        raise ConfigError(f"{path}: seeds = {list(plan.seeds)}; write numbers from 0 on, at least one")
    if type(plan.processes) is not int or plan.processes < 1:
        raise ConfigError(f"{path}: processes = {plan.processes}; write a number from 1 on")
    for name, values in plain.get("grid", {}).items():
        if not isinstance(values, list) or not values:
            raise ConfigError(f"{path}: grid.{name} = {values}; write the list of its values")
    for name in (*plan.options, *plan.grid):
        if name in OWN:
            raise ConfigError(f"{path}: '{name}' is given by the sweep itself; leave it out")
    both = sorted(plan.options.keys() & plan.grid.keys())
    if both:
        raise ConfigError(f"{path}: '{both[0]}' stands in options and in grid; keep one of them")
    if "images" not in plan.options | plan.grid:
        raise ConfigError(f"{path}: options.images is missing; name the folder or tar of photographs")
