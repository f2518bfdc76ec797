"""The map file beside a run: a thread writes each keyframe's step while the tracker goes on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

from slam.config import SlamConfig
from slam.errors import ConfigError, MapError
from slam.evaluation.statistics import percentiles
from slam.features import weights_sha256
from slam.mapfile.about import MapAbout, check_fits
from slam.mapfile.changes import MapChanges, MapWatch
from slam.mapfile.contents import LoadedMap
from slam.mapfile.journal import MapJournal, write_map
from slam.mapfile.reader import load_map
from slam.pipeline import Slam
from slam.running.options import RunOptions
from slam.running.origin import RUN_MAP_NAME
from slam.sources import Source

FRAMES_AT_MOST = 30  # without a keyframe, until the places of frames are written all the same


class MapFile(Protocol):
    """What a run tells of its map, from the first frame to the last."""

    @property
    def notes(self) -> Sequence[str]:
        """What people must know, in sentences."""

    def answered(self, keyframe_id: int) -> None:
        """A frame is done; ``keyframe_id``: of the keyframe it became, or -1."""

    def record(self) -> None:
        """Somebody wants the map on the disk now."""

    def close(self) -> None:
        """The run has ended."""

    def figures(self) -> dict[str, Any] | None:
        """Of the summary, after ``close``."""


class MapWriter:
    """At most one step is on its way: a process killed at any moment loses one keyframe at most.

    A file that can be written no more (a full disk) ends the writing and not the run; ``failure`` says why.
    """

    def __init__(self, journal: MapJournal, watch: MapWatch) -> None:
        self._journal, self._watch = journal, watch
        self._thread = ThreadPoolExecutor(1, "map-writer")
        self._pending: Future[None] | None = None
        self._taken_ms: list[float] = []  # finding and copying what changed
        self._waited_ms: list[float] = []  # for the step before
        self._written_ms: list[float] = []  # in the thread
        self._frames = 0  # since the last step
        self.failure = ""

    def answered(self, keyframe_id: int) -> None:
        """A frame is done, and what it changed is in the map; ``keyframe_id``: of the keyframe it became, or -1.

        Call it before the run tells of the frame.
        """
        self._frames += 1
        if keyframe_id >= 0 or self._frames >= FRAMES_AT_MOST:
            self.record()

    def record(self) -> None:
        """Hand over what changed since the last time."""
        self._frames = 0
        start = time.perf_counter()
        self._wait()
        waited = time.perf_counter()
        if self.failure:
            return
        changes = self._watch.take()
        self._pending = self._thread.submit(self._write, changes)
        self._waited_ms.append((waited - start) * 1e3)
        self._taken_ms.append((time.perf_counter() - waited) * 1e3)
        if changes.new_keyframes > 1:  # the two that start a monocular map
            self._wait()

    def close(self) -> None:
        """Write the last of it, and leave one file."""
        self.record()
        self._wait()
        self._thread.shutdown()
        try:
            self._journal.close()
        except MapError as error:
            self.failure = self.failure or str(error)

    def figures(self) -> dict[str, Any]:
        """Of the summary: the file, its size and what writing it took."""
        kept_ms = {"hand over": self._taken_ms, "wait": self._waited_ms, "write": self._written_ms}
        return {
            "file": str(self._journal.path),
            "mb": round(self._journal.path.stat().st_size / 1e6, 3),
            "steps": len(self._written_ms),
            "ms": {name: {**percentiles(ms), "max": round(max(ms), 3)} for name, ms in kept_ms.items() if ms},
        }

    @property
    def notes(self) -> list[str]:
        return [f"the map file was not written to its end: {self.failure}"] if self.failure else []

    def _wait(self) -> None:
        pending, self._pending = self._pending, None
        if pending is None:
            return
        try:
            pending.result()
        except MapError as error:
            self.failure = str(error)

    def _write(self, changes: MapChanges) -> None:
        start = time.perf_counter()
        self._journal.write(changes)
        self._written_ms.append((time.perf_counter() - start) * 1e3)


def about_run(config: SlamConfig, source: Source, descriptor_dim: int) -> MapAbout:
    """What a map of this run is of."""
    digest = weights_sha256(config.features)
    return MapAbout.of_run(config.features.name, digest, descriptor_dim, source.mode, source.rig)


def restored_map(options: RunOptions, config: SlamConfig, source: Source) -> LoadedMap | None:
    """The map that the run goes on with, None for a new one. Raises ConfigError or MapError."""
    if options.map is None:
        if options.localize_only:
            raise ConfigError("--localize-only: needs a map to find the way in; add --map FILE")
        return None
    if not (options.map.exists() or options.localize_only):
        return None
    if options.record is not None:
        raise ConfigError(
            f"--record: a run that goes on from {options.map} can't be replayed; leave out one of the two"
        )
    loaded = load_map(options.map)
    if options.localize_only and not loaded.world.keyframes:
        raise MapError(f"map {options.map}: is empty, there is no place to find; run once without --localize-only")
    check_fits(options.map, loaded.about, about_run(config, source, loaded.about.descriptor_dim))
    return loaded


def map_writer(
    options: RunOptions, config: SlamConfig, source: Source, restored: LoadedMap | None, slam: Slam, folder: Path
) -> MapFile:
    """What writes the map of a run: to the file asked for, new or restored from, else into the run's folder.

    Raises MapError.
    """
    if options.map is None and options.map_file:
        about = about_run(config, source, slam.map.descriptors.shape[1])
        return MapAtEnd(folder / RUN_MAP_NAME, about, slam)
    if options.map is None or options.localize_only:
        return NoMapFile()
    if restored is not None:
        journal = MapJournal(options.map, restored.about, restored.state)
        return MapWriter(journal, MapWatch(slam.map, slam.placed, known=restored.world))
    about = about_run(config, source, slam.map.descriptors.shape[1])
    state = write_map(options.map, about, slam.map, slam.placed)
    return MapWriter(MapJournal(options.map, about, state), MapWatch(slam.map, slam.placed))


class MapAtEnd:
    """The whole map at once, when the run has ended: nothing to wait for while it goes on."""

    def __init__(self, path: Path, about: MapAbout, slam: Slam) -> None:
        self._path, self._about, self._slam = path, about, slam
        self._ms = 0.0
        self.notes: tuple[str, ...] = ()

    def answered(self, keyframe_id: int) -> None:
        """Nothing to do."""

    def record(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Write it; a map that cannot be written costs the run nothing else."""
        start = time.perf_counter()
        try:
            write_map(self._path, self._about, self._slam.map, self._slam.placed)
        except MapError as error:
            self.notes = (f"the map file was not written: {error}",)
        self._ms = (time.perf_counter() - start) * 1e3

    def figures(self) -> dict[str, Any] | None:
        """Of the summary: the file, its size and what writing it took."""
        if self.notes:
            return None
        mb = round(self._path.stat().st_size / 1e6, 3)
        return {"file": str(self._path), "mb": mb, "steps": 1, "ms": {"write": {"max": round(self._ms, 3)}}}


class NoMapFile:
    """For a run that keeps no map."""

    notes: tuple[str, ...] = ()

    def answered(self, keyframe_id: int) -> None:
        """Nothing to do."""

    def record(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""

    def figures(self) -> None:
        """There are none."""
