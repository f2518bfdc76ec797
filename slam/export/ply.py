"""The map as a PLY file of coloured points, which every point cloud viewer opens."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from slam.types import MapSnapshot

VERTEX = np.dtype([("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("red", "u1"), ("green", "u1"), ("blue", "u1")])
PLY_NAMES = {"<f4": "float", "|u1": "uchar"}


def write_ply(path: Path, snapshot: MapSnapshot) -> None:
    """Write the landmarks (metres, world) and their RGB colours as binary little-endian PLY."""
    vertices = np.empty(len(snapshot.points_world), VERTEX)
    for column, name in enumerate("xyz"):
        vertices[name] = snapshot.points_world[:, column]
    for column, name in enumerate(("red", "green", "blue")):
        vertices[name] = snapshot.colors[:, column]
    path.write_bytes(_header(len(vertices)) + vertices.tobytes())


def _header(count: int) -> bytes:
    properties = [f"property {PLY_NAMES[VERTEX[name].str]} {name}" for name in VERTEX.names or ()]
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {count}", *properties, "end_header"]
    return ("\n".join(lines) + "\n").encode("ascii")
