"""From what the user typed to an open source and a configuration. Files in launch/ name whole ways of running."""

from __future__ import annotations

import difflib
import math
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from slam.camera import Rig
from slam.config import SlamConfig, load_config, updated, with_setting
from slam.data_files import data_dir
from slam.errors import ConfigError
from slam.rig_file import load_rig, rig_from_intrinsics
from slam.sources import SOURCES, Source, open_source
from slam.sources.camera_options import CameraOptions
from slam.types import Mode

LAUNCH_KEYS = {
    "description": str,
    "source": str,
    "path": str,
    "mode": str,
    "rig": str,
    "realtime": bool,
    "settings": dict,
}
LARGEST_SEED = 2**32 - 1  # that numpy takes


@dataclass(frozen=True)
class RunOptions:
    """One ``slam run``, as typed; None leaves it to the launch file, then to the recording."""

    source: str
    path: Path | str | None = None  # text where it is an address
    mode: str | None = None
    rig: str | None = None
    intrinsics: str | None = None  # fx,fy,cx,cy px
    distortion: str | None = None  # k1,k2,p1,p2[,k3]
    depth_factor: float | None = None  # raw units per metre
    out: Path | None = None
    viewer: str = "open3d"  # or none
    screenshot: Path | None = None
    features: str | None = None
    matcher: str | None = None
    config: Path | None = None
    settings: tuple[str, ...] = ()
    seed: int | None = None
    realtime: bool = False
    max_frames: int | None = None
    fps: float | None = None  # to hold by giving the matcher less time
    runtime: str | None = None
    record: Path | None = None  # folder to write what the run is given and what time decides
    decisions: Path | None = None  # folder of a recorded run whose decisions are taken again
    final_ba_s: float | None = None  # a bundle adjustment of the whole map at the end
    map: Path | None = None  # file to go on with, or to make
    localize_only: bool = False  # in the map of that file, which stays as it is
    viewer_host: str = "127.0.0.1"  # where the browser view is served; other machines reach it only at another address
    viewer_port: int = 8080
    viewer_stay: bool = False  # the viewer stays after the last frame, until Ctrl-C
    camera: CameraOptions = CameraOptions()
    telemetry: str | None = None  # PORT, HOST:PORT or a file
    map_file: bool = True  # without ``map``: the finished map goes into the folder of the results


def with_launch_file(options: RunOptions) -> tuple[RunOptions, dict[str, Any]]:
    """The options with what a launch/ file of the source's name adds, and that file's settings. Raises ConfigError."""
    if options.source in SOURCES:
        return options, {}
    path = launch_path(options.source)
    values = _launch_values(path)
    merged = replace(
        options,
        source=values["source"],
        path=options.path or (Path(values["path"]) if "path" in values else None),
        mode=options.mode or values.get("mode"),
        rig=options.rig or values.get("rig"),
        realtime=options.realtime or values.get("realtime", False),
    )
    return merged, values.get("settings", {})


def _launch_values(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"launch file {path}: not valid TOML ({error})") from error
    for key, value in values.items():
        if key not in LAUNCH_KEYS:
            close = difflib.get_close_matches(key, LAUNCH_KEYS, 1)
            hint = f"did you mean '{close[0]}'?" if close else f"known: {', '.join(LAUNCH_KEYS)}"
            raise ConfigError(f"launch file {path}: unknown key '{key}'; {hint}")
        if not isinstance(value, LAUNCH_KEYS[key]):
            kind = {str: "text", bool: "true or false", dict: "a section, [settings.name]"}[LAUNCH_KEYS[key]]
            raise ConfigError(f"launch file {path}: {key} must be {kind}, got {value!r}")
    if "source" not in values:
        raise ConfigError(f"launch file {path}: has no 'source'; add one of {', '.join(SOURCES)}")
    return values


def launch_names() -> list[str]:
    return sorted(path.stem for path in data_dir("launch").glob("*.toml"))


def launch_path(name: str) -> Path:
    """The launch file of a name, or a path to one. Raises ConfigError with the nearest name."""
    if name in launch_names():
        return data_dir("launch") / f"{name}.toml"
    if name.endswith(".toml") and Path(name).is_file():
        return Path(name)
    known = [*SOURCES, *launch_names()]
    close = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean '{close[0]}'?" if close else f"known: {', '.join(known)}"
    raise ConfigError(f"source '{name}' is unknown; {hint}")


def effective_config(options: RunOptions, launch_settings: dict[str, Any]) -> SlamConfig:
    """Defaults, then the launch file, --config, the named options, and last every --set. Raises ConfigError."""
    config = load_config(options.config) if options.config else SlamConfig()
    config = updated(config, launch_settings, f"launch file {options.source}") if launch_settings else config
    if options.features:
        config = replace(config, features=replace(config.features, name=options.features))
    if options.matcher:
        config = replace(config, matcher=replace(config.matcher, name=options.matcher))
    if options.runtime:
        config = replace(config, features=replace(config.features, runtime=options.runtime))
        config = replace(config, matcher=replace(config.matcher, runtime=matcher_runtime(options.runtime)))
    if options.seed is not None:
        config = replace(config, run=replace(config.run, seed=options.seed))
    if options.fps is not None:
        config = replace(config, run=replace(config.run, fps=options.fps))
    if options.final_ba_s is not None:
        config = replace(config, run=replace(config.run, final_ba_s=options.final_ba_s))
    for setting in options.settings:
        config = with_setting(config, setting)
    if not 0 <= config.run.seed <= LARGEST_SEED:
        raise ConfigError(f"run.seed: must be 0 to {LARGEST_SEED}, got {config.run.seed}; change --seed")
    if not 0 <= config.run.final_ba_s < math.inf:
        raise ConfigError(f"run.final_ba_s: must be at least 0 seconds, got {config.run.final_ba_s}; change --final-ba")
    if not 0 <= config.run.fps < math.inf:
        raise ConfigError(f"run.fps: must be at least 0 frames per second, got {config.run.fps}; change --fps")
    return config


def matcher_runtime(runtime: str) -> str:
    """The matcher's share of a runtime asked for by name: OpenVINO is for the extractor alone."""
    return "auto" if runtime.startswith("openvino") else runtime


def opened_source(options: RunOptions) -> Source:
    """The recording, with the user's rig or intrinsics. Raises ConfigError, CalibrationError or SourceError."""
    return open_source(
        options.source,
        options.path,
        mode=_mode(options.mode),
        rig=asked_rig(options),
        depth_factor=options.depth_factor,
        max_frames=options.max_frames,
        camera=options.camera,
    )


def _mode(name: str | None) -> Mode | None:
    if name is None:
        return None
    try:
        return Mode(name)
    except ValueError as error:
        raise ConfigError(f"--mode {name}: is unknown; write rgbd, stereo or mono") from error


def asked_rig(options: RunOptions) -> Rig | None:
    """The rig that --rig, or --intrinsics and --distortion, name; None without them. Raises ConfigError."""
    if options.rig and options.intrinsics:
        raise ConfigError("--rig and --intrinsics: give one of them")
    if options.rig and options.distortion:
        raise ConfigError("--distortion: the rig has its own; leave out --rig, or --distortion")
    if options.rig:
        return load_rig(options.rig)
    if options.intrinsics:
        distortion = _numbers(options.distortion or "", "--distortion", "k1,k2,p1,p2", (0, 4, 5))
        return rig_from_intrinsics(_numbers(options.intrinsics, "--intrinsics", "fx,fy,cx,cy", (4,)), distortion)
    if options.distortion:
        raise ConfigError("--distortion: needs --intrinsics beside it; or use --rig")
    return None


def _numbers(text: str, name: str, form: str, counts: tuple[int, ...]) -> tuple[float, ...]:
    try:
        values = tuple(float(part) for part in text.split(",")) if text else ()
    except ValueError as error:
        raise ConfigError(f"{name} {text}: write {form}, numbers with commas between") from error
    if len(values) not in counts:
        raise ConfigError(f"{name} {text}: has {len(values)} numbers; write {form}")
    return values
