"""How far the vertices of an exported mesh lie from the demo's exact surfaces: python tools/check_mesh.py RUN [MESH]

RUN is a folder that `slam run demo` left; MESH is RUN/export/mesh.ply by default. The mesh is laid over the scene by
the SE3 alignment of the whole trajectory, so that the error of the poses is part of the figures.
"""

import sys
from pathlib import Path

import numpy as np
from plyfile import PlyData
from render_demo import RGBD

from slam.evaluation.ate import ate
from slam.geometry import apply
from slam.rendering.raycaster import surfaces_of
from slam.rendering.scenes import build_scene
from slam.sources import open_source
from slam.trajectory import read_tum


def main(run: Path, mesh: Path) -> None:
    truth = open_source("demo", None).ground_truth
    assert truth is not None
    T_gt_world = ate(read_tum(run / "trajectory.txt"), truth).T_gt_world
    vertex = PlyData.read(mesh)["vertex"]
    points_world = np.column_stack([vertex[c] for c in "xyz"]).astype(np.float64)
    error_mm = 1e3 * surfaces_of(build_scene(RGBD)).distance(apply(T_gt_world, points_world))
    median, most = np.percentile(error_mm, (50, 95))
    farthest = error_mm.max()
    print(f"{len(error_mm)} vertices: median {median:.1f} mm, 95 % within {most:.1f} mm, all within {farthest:.0f} mm")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else Path(sys.argv[1]) / "export" / "mesh.ply")
