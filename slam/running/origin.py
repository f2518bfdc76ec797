"""What a run was of, kept in its folder: enough to open the recording again and to find the map."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tomli_w

from slam.errors import ConfigError
from slam.evaluation.run_folder import written_whole
from slam.rig_file import rig_names
from slam.running.options import RunOptions
from slam.sources import ADDRESSES, Source

ORIGIN_NAME = "recording.toml"
RUN_MAP_NAME = "run.map"


@dataclass(frozen=True, slots=True)
class Origin:
    """The options that open the recording as the run did, paths absolute. None: not given, or there is none."""

    source: str
    is_live: bool  # a camera's frames, which are gone
    path: str | None = None
    mode: str | None = None
    rig: str | None = None
    intrinsics: str | None = None
    distortion: str | None = None
    depth_factor: float | None = None
    map: str | None = None  # file that `slam run --map` named; without one it is RUN_MAP_NAME in the folder

    def options(self) -> RunOptions:
        """As ``slam run`` takes them."""
        return RunOptions(
            self.source, self.path, self.mode, self.rig, self.intrinsics, self.distortion, self.depth_factor
        )


def origin_of(options: RunOptions, source: Source) -> Origin:
    """A camera that was recorded is the recording from now on. ``options``: with the launch file's."""
    map_file = None if options.map is None else _absolute(options.map)
    if source.is_live and options.record is not None:
        return Origin("recorded", False, _absolute(options.record), source.mode.value, map=map_file)
    path = options.path
    if path is not None and options.source not in ADDRESSES:
        path = _absolute(path)
    rig = options.rig if options.rig is None or options.rig in rig_names() else _absolute(options.rig)
    return Origin(
        options.source,
        source.is_live,
        None if path is None else str(path),
        source.mode.value,
        rig,
        options.intrinsics,
        options.distortion,
        options.depth_factor,
        map_file,
    )


def write_origin(folder: Path, origin: Origin) -> None:
    """Write it into a run's folder. Raises ConfigError."""
    values = {name: value for name, value in asdict(origin).items() if value is not None}
    try:
        with written_whole(folder / ORIGIN_NAME) as path:
            path.write_text(tomli_w.dumps(values), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be written ({error.strerror}); free some space there") from error


def read_origin(folder: Path) -> Origin:
    """What the run of a folder was of. Raises ConfigError when the folder is none of a run, or the file is damaged."""
    path = folder / ORIGIN_NAME
    if not path.is_file():
        raise ConfigError(f"{folder}: has no {ORIGIN_NAME}; give a folder that `slam run` left, or a map file")
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        return Origin(**values)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, TypeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}); name the recording with --source and --path") from error


def _absolute(path: Path | str) -> str:
    return str(Path(path).resolve())
