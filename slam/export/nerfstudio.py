"""A model as nerfstudio's transforms.json (https://docs.nerf.studio/quickstart/data_conventions.html).

Its cameras look along -z with y up, as in OpenGL; rays go through pixel + 0.5, so that it counts pixels from the corner
of the picture as COLMAP does. Its dataparser wants depth for every picture or for none.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from slam.export.colmap import HALF_PX
from slam.export.model import Model, Shot
from slam.export.pictures import DEPTH_UNIT_M, PictureForm

CV_FROM_GL = np.diag([1.0, -1.0, -1.0, 1.0])  # T_cam_gl: y and z turn round


def write_transforms(path: Path, model: Model, form: PictureForm, points_name: str) -> None:
    """Write the cameras; pictures lie in images/, depth in depths/, the points in ``points_name``, beside the file.

    Poses and points stay in our world, as ``applied_transform`` says: readers that know it agree with those that don't.
    """
    camera = model.camera
    values = {
        "camera_model": "OPENCV",
        "w": camera.width,
        "h": camera.height,
        "fl_x": camera.fx,
        "fl_y": camera.fy,
        "cx": camera.cx + HALF_PX,
        "cy": camera.cy + HALF_PX,
        **dict.fromkeys(("k1", "k2", "p1", "p2"), 0.0),
        "applied_transform": np.eye(4)[:3].tolist(),
        "ply_file_path": points_name,
        **({"depth_unit_scale_factor": DEPTH_UNIT_M} if form.with_depth else {}),
        "frames": [_frame(shot, form) for shot in model.shots],
    }
    path.write_text(json.dumps(values, indent=1) + "\n")


def _frame(shot: Shot, form: PictureForm) -> dict[str, Any]:
    T_world_gl = shot.T_world_cam @ CV_FROM_GL
    depth = {"depth_file_path": f"depths/{shot.picture_name}.png"} if form.with_depth else {}
    return {
        "file_path": f"images/{shot.picture_name}{form.ending}",
        **depth,
        "transform_matrix": T_world_gl.tolist(),
    }
