"""What is exported: the folder of a run, which knows its map and its recording, or a map file alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from slam.errors import ConfigError, MapError, SourceError
from slam.mapfile.contents import LoadedMap
from slam.mapfile.reader import load_map
from slam.running.options import RunOptions, opened_source
from slam.running.origin import RUN_MAP_NAME, Origin, read_origin
from slam.sources import Source, live

DEFAULT_NAMES = {
    "ply": "points.ply",
    "mesh": "mesh.ply",
    "tum": "tum.txt",
    "tum-keyframes": "tum-keyframes.txt",
    "kitti": "kitti.txt",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """``folder`` and ``origin`` are of a run; a map file alone has neither."""

    name: Path
    folder: Path | None
    origin: Origin | None

    def load_map(self) -> LoadedMap:
        """Raises MapError, which for a run that left none says how to get one."""
        return load_map(self._map_path())

    def out(self, what: str, out: Path | None) -> Path:
        """Where the user wants it, or a place of its own in the run's folder. Raises MapError."""
        if out is not None:
            return out
        if self.folder is None:
            raise MapError(f"{self.name}: is a map file; name what to write as well: slam export MAP {what} OUT")
        return self.folder / "export" / DEFAULT_NAMES.get(what, what)

    def opened_source(self, typed: RunOptions) -> tuple[Source | None, str]:
        """The recording that the user names, else that of the run; None with the reason when there is none.

        ``typed``: an empty source leaves it to the run, and so does every option that is None.
        Raises SourceError, CalibrationError or ConfigError.
        """
        if typed.source:
            return _of_files(typed), ""
        if self.origin is None:
            return None, "name the recording with --source and --path"
        if typed.path is None and self.origin.is_live:
            return None, "the camera's are gone, run it with --record FOLDER the next time"
        options = _of_run(self.origin, typed)
        if options.path is not None and not Path(options.path).exists():
            raise SourceError(f"{options.path}: the run's recording is not there any more; say where it is with --path")
        return _of_files(options), ""

    def _map_path(self) -> Path:
        if self.folder is None:
            return self.name
        if self.origin is not None and self.origin.map is not None:
            return Path(self.origin.map)
        own = self.folder / RUN_MAP_NAME
        if not own.is_file():
            raise MapError(f"{self.name}: the run left no {RUN_MAP_NAME}; let it end, and without --no-map-file")
        return own


def opened_subject(name: Path) -> Subject:
    """A folder that a run left, or a map file. Raises ConfigError."""
    if not name.exists():
        raise ConfigError(f"{name}: does not exist; give a folder that `slam run` left, or a map file")
    if not name.is_dir():
        return Subject(name, None, None)
    folder = name.resolve()  # runs/latest points at another folder tomorrow
    return Subject(name, folder, read_origin(folder))


def _of_run(origin: Origin, typed: RunOptions) -> RunOptions:
    """What the run was given, where the user says nothing else. A camera's recording is of the kind "recorded"."""
    ours = origin.options()
    return replace(
        ours,
        source="recorded" if origin.is_live else ours.source,
        path=typed.path or ours.path,
        mode=typed.mode or ours.mode,
        rig=typed.rig or (None if typed.intrinsics else ours.rig),
        intrinsics=typed.intrinsics or (None if typed.rig else ours.intrinsics),
        distortion=typed.distortion or (None if typed.rig or typed.intrinsics else ours.distortion),
    )


def _of_files(options: RunOptions) -> Source:
    """Raises SourceError for a camera, whose pictures are gone."""
    source = opened_source(options)
    camera = live(source)
    if camera is None:
        return source
    camera.close()
    raise SourceError("a camera's pictures are gone; run it with --record, and export with --source recorded")
