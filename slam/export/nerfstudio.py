"""A model as nerfstudio's transforms.json (https://docs.nerf.studio/quickstart/data_conventions.html).

Its cameras look along -z with y up, as in OpenGL; the world stays ours, so that no applied_transform is needed. Like
COLMAP it counts pixels from the corner of the picture.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from slam.export.colmap import HALF_PX
from slam.export.model import Model, Shot

CV_FROM_GL = np.diag([1.0, -1.0, -1.0, 1.0])  # T_cam_gl: y and z turn round


def write_transforms(path: Path, model: Model, ending: str, points_name: str) -> None:
    """Write the cameras; pictures lie in images/, the points in ``points_name``, both beside the file."""
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
        "ply_file_path": points_name,
        "frames": [_frame(shot, ending) for shot in model.shots],
    }
    path.write_text(json.dumps(values, indent=1) + "\n")


def _frame(shot: Shot, ending: str) -> dict[str, Any]:
    T_world_gl = shot.T_world_cam @ CV_FROM_GL
    return {"file_path": f"images/{shot.picture_name}{ending}", "transform_matrix": T_world_gl.tolist()}
