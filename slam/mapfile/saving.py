"""A whole map into a new file at once, and back, for programs that hold a Slam of their own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from slam.features import weights_sha256
from slam.mapfile.about import MapAbout
from slam.mapfile.contents import LoadedMap
from slam.mapfile.journal import write_map
from slam.mapfile.merge import compacted
from slam.mapfile.reader import load_map as read_map

if TYPE_CHECKING:
    from slam.pipeline import Slam


def save_map(slam: Slam, path: Path | str) -> None:
    """Write what a Slam knows to a file that ``load_map`` and ``slam run --map`` read. Raises MapError."""
    features = slam.config.features
    dim = slam.map.descriptors.shape[1]
    about = MapAbout.of_run(features.name, weights_sha256(features), dim, slam.mode, slam.rig)
    write_map(Path(path), about, slam.map, slam.placed)


def load_map(path: Path | str) -> LoadedMap:
    """The map of a file, to go on with or to find a camera in. Raises MapError."""
    return compacted(read_map(Path(path)))
