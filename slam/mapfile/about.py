"""What a map is of, and how much there is of it; and whether it fits the run that wants to go on with it."""

from __future__ import annotations

import json
import secrets
import time
import tomllib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import slam
from slam.camera import Rig
from slam.errors import MapError
from slam.rig_file import rig_from_values, rig_text
from slam.types import Mode

FORMAT = 1  # of the file; one that differs cannot be read


@dataclass(frozen=True, slots=True)
class MapAbout:
    """What never changes in a map. Every keyframe's view carries a copy of it."""

    map_id: str  # 16 hexadecimal digits, drawn when the map was made
    format: int
    program: str  # version that made it
    features: str  # name of the extractor
    weights_sha256: str  # of the extractor's weights, "" where it has none
    descriptor_dim: int
    mode: str
    rig_name: str
    rig: str  # TOML, as in calib/
    made_ns: int  # Unix time

    @staticmethod
    def of_run(features: str, weights_sha256: str, descriptor_dim: int, mode: Mode, rig: Rig) -> MapAbout:
        """Of a map that this run makes."""
        return MapAbout(
            map_id=secrets.token_hex(8),
            format=FORMAT,
            program=slam.__version__,
            features=features,
            weights_sha256=weights_sha256,
            descriptor_dim=descriptor_dim,
            mode=mode.value,
            rig_name=rig.name,
            rig=rig_text(rig),
            made_ns=time.time_ns(),
        )

    @property
    def map_bytes(self) -> bytes:
        return bytes.fromhex(self.map_id)

    @property
    def camera_text(self) -> str:
        """The camera in words, as far as a map depends on it: lens distortion is undone before."""
        rig = rig_from_values(tomllib.loads(self.rig), self.rig_name, "the map's rig")
        left = rig.left
        words = f"{left.width}x{left.height}, fx {left.fx:.6g}, fy {left.fy:.6g}, cx {left.cx:.6g}, cy {left.cy:.6g}"
        return words if self.mode == Mode.MONO.value else f"{words}, baseline {rig.baseline_m:.6g} m"


@dataclass(frozen=True, slots=True)
class MapState:
    """What every transaction renews."""

    age: int  # number of transactions
    digest: str  # hexadecimal: sum of the digests of all rows but this one
    keyframes: int
    landmarks: int  # alive
    next_keyframe_id: int
    num_landmarks: int  # rows ever used
    runs: int  # that wrote to the map
    changed_ns: int  # Unix time
    program: str  # version that wrote last


def encoded(values: MapAbout | MapState) -> bytes:
    return json.dumps(asdict(values)).encode()


def decoded_about(payload: bytes) -> MapAbout:
    """Raises ValueError when the payload is something else."""
    return MapAbout(**_values(payload, MapAbout))


def decoded_state(payload: bytes) -> MapState:
    """Raises ValueError when the payload is something else."""
    return MapState(**_values(payload, MapState))


def check_fits(path: Path, found: MapAbout, wanted: MapAbout) -> None:
    """Raises MapError unless a run that would make the map ``wanted`` can go on with the one found in a file."""
    if found.features != wanted.features:
        raise MapError(
            f"map {path}: was made with the features {found.features}, not {wanted.features}; "
            f"add --features {found.features}, or choose another file"
        )
    if found.weights_sha256 != wanted.weights_sha256:
        raise MapError(
            f"map {path}: was made with other weights of {found.features}, whose descriptors say nothing to these; "
            "set features.weights to those it was made with, or choose another file"
        )
    if found.mode != wanted.mode:
        raise MapError(
            f"map {path}: is a {found.mode} map, and this run is {wanted.mode}; "
            f"add --mode {found.mode}, or choose another file"
        )
    if found.camera_text != wanted.camera_text:
        raise MapError(
            f"map {path}: was made with another camera ({found.rig_name}: {found.camera_text}) "
            f"than this run's ({wanted.camera_text}); give the map's with --rig, or choose another file"
        )


def _values(payload: bytes, kind: type) -> dict[str, Any]:
    values = json.loads(payload)
    if not isinstance(values, dict) or values.keys() != {field.name for field in fields(kind)}:
        raise ValueError(f"not a {kind.__name__}")
    return values
