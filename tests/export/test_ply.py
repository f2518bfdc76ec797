"""The map file, read back by another program."""

import numpy as np
from plyfile import PlyData

from slam.export.ply import write_ply
from slam.types import MapSnapshot


def snapshot(n: int) -> MapSnapshot:
    rng = np.random.default_rng(2)
    points = rng.normal(size=(n, 3)).astype(np.float32)
    colors = rng.integers(0, 255, (n, 3), np.uint8)
    return MapSnapshot(points, colors, np.zeros(0, np.int64), np.zeros((0, 4, 4)), np.zeros((0, 3)))


def test_points_and_colours_come_back_exactly(tmp_path):
    written = snapshot(137)
    write_ply(tmp_path / "map.ply", written)
    vertex = PlyData.read(tmp_path / "map.ply")["vertex"]
    np.testing.assert_array_equal(np.column_stack([vertex[c] for c in "xyz"]), written.points_world)
    np.testing.assert_array_equal(np.column_stack([vertex[c] for c in ("red", "green", "blue")]), written.colors)


def test_an_empty_map_is_a_valid_file(tmp_path):
    write_ply(tmp_path / "map.ply", snapshot(0))
    assert len(PlyData.read(tmp_path / "map.ply")["vertex"].data) == 0
