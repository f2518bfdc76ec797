"""``slam map merge``: two map files, what is needed to see where they overlap, and the file of both."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from slam.config import SlamConfig, with_setting
from slam.errors import MapError
from slam.features import weights_sha256
from slam.loops.merging import MergeCounts, Merging
from slam.mapfile.about import MapAbout
from slam.mapfile.contents import LoadedMap
from slam.mapfile.journal import write_map
from slam.mapfile.merge import check_mergeable, joined
from slam.mapfile.reader import load_map
from slam.matching import make_matcher
from slam.rig_file import rig_from_values
from slam.running.threads import one_thread_per_worker
from slam.types import Mode


def merge_files(path_a: Path, path_b: Path, out: Path, settings: Sequence[str], adjust_s: float) -> str:
    """Write a new map of both, aligned where they overlap; what was done, in words. Raises SlamError."""
    a, b = load_map(path_a), load_map(path_b)
    check_mergeable(path_a, a.about, path_b, b.about)
    both = joined(a, b)
    config = merge_config(path_a, a.about, settings)
    counts = align(both, a.world.next_keyframe_id, config, adjust_s) if config.loops.close else None
    write_map(out, both.about, both.world, both.placed(), both.state.runs)
    submaps = len({keyframe.submap_id for keyframe in both.world.keyframes.values()})
    parts = "one sub-map" if submaps == 1 else f"{submaps} sub-maps"
    return f"{len(both.world.keyframes)} keyframes in {parts}{_outcome(counts, path_a, path_b)}, written to {out}"


def align(both: LoadedMap, first_of_b: int, config: SlamConfig, adjust_s: float) -> MergeCounts:
    """Align two maps that lie side by side in ``both``, whose world and places change where they overlap."""
    one_thread_per_worker(config.run.seed)
    about = both.about
    rig = rig_from_values(tomllib.loads(about.rig), about.rig_name, "the map's rig")
    matcher = make_matcher(config.matcher, config.features.name)
    placed = both.placed()
    counts = Merging(both.world, placed, rig, Mode(about.mode), config, matcher).align(first_of_b, adjust_s)
    both.places.update(placed.frames)
    return counts


def merge_config(path: Path, about: MapAbout, settings: Sequence[str]) -> SlamConfig:
    """The settings for maps that a file is one of. Raises ConfigError, WeightsError or MapError."""
    config = SlamConfig()
    config = replace(config, features=replace(config.features, name=about.features))
    for setting in settings:
        config = with_setting(config, setting)
    if config.loops.close and weights_sha256(config.features) != about.weights_sha256:
        raise MapError(
            f"map {path}: was made with other weights of {about.features}; name them with --set features.weights=FILE, "
            "or put the maps side by side with --set loops.close=false"
        )
    return config


def _outcome(counts: MergeCounts | None, a: Path, b: Path) -> str:
    """What came of looking for the overlap, with the punctuation before it."""
    if counts is None:
        return ", side by side: nothing was compared"
    if counts.joined:
        return f": {b.name} was found in {a.name} at {counts.believed} places, {counts.fused} landmarks fused"
    if not counts.found:
        return f", side by side: no place of {b.name} was recognised in {a.name}"
    if counts.found == 1:
        return f", side by side: {b.name} was found in {a.name} at one place only, and one may be a mistake"
    return f", side by side: {counts.found} places of {b.name} look like some of {a.name}, but agree on too little"
