"""The Open3D side of the viewer: one window with the map and, before the eye, the picture with its matches.

Runs in a process of its own. Uses the classic Visualizer only, which draws through EGL where there is no display.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np

from slam.geometry import invert
from slam.types import Float64, Uint8
from slam.viewer.commands import Ask
from slam.viewer.keys import WindowKeys
from slam.viewer.panel import draw_panel
from slam.viewer.scene import BACKGROUND, Lines, Scene, behind, billboard, bold, looking, overview, scene_of
from slam.viewer.update import ViewerUpdate

TITLE = "Earlybird SLAM"
SIZE_PX = (1280, 800)
PANEL_SHARE = 0.34  # of the window's width
LINE_SETS = 4
POINT_PX, SPARSE_POINT_PX, FEW_POINTS = 2.6, 3.8, 8000  # a sparse map is drawn with larger points
LINE_SHARE = 0.0008  # half the width of a line, in scene radii
Z_NEAR_SHARE = 0.004  # nearest drawn depth, in scene radii


def has_display() -> bool:
    """Whether a window can be shown to somebody."""
    if sys.platform.startswith("linux"):
        return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return True


class MapWindow:
    """The scene in an Open3D window. Raises RuntimeError when no window can be made."""

    def __init__(self, size_px: tuple[int, int] = SIZE_PX, visible: bool = True, ask: Ask = lambda _: None) -> None:
        import open3d as o3d

        self._o3d = o3d
        o3d.utility.set_verbosity_level(o3d.utility.VerbosityLevel.Error)
        self._vis = o3d.visualization.VisualizerWithKeyCallback()
        if not self._vis.create_window(TITLE, *size_px, visible=visible):
            raise RuntimeError("Open3D could not open a window")
        option = self._vis.get_render_option()
        option.background_color = np.array(BACKGROUND)
        option.light_on = False
        self._boldness = 1.0
        self._cloud = o3d.geometry.PointCloud()
        self._lines = [o3d.geometry.LineSet() for _ in range(LINE_SETS)]
        self._panel: Any = None
        self._is_filled = False
        self._T_eye_world_set: Float64 | None = None  # the view we chose; the user's is left alone
        self._radius = 1.0
        self._keys = WindowKeys(ask)
        self._keys.listen(self._vis)
        self._last: tuple[ViewerUpdate, bool] | None = None

    def embolden(self, factor: float) -> None:
        """Draw points and lines wider than usual, for a picture that will be made small."""
        self._boldness = factor

    def show(self, update: ViewerUpdate, with_panel: bool) -> None:
        """Draw an update; ``with_panel`` puts the picture into the window's corner."""
        self._last = update, with_panel
        scene = scene_of(update)
        self._radius = scene.radius
        self._fill(bold(self._keys.shown(scene), LINE_SHARE * self._boldness))
        if self._keys.follows and update.T_world_cam is not None:
            self._look_from(looking(*behind(update.T_world_cam, scene.radius)), scene)
        else:
            self._look_over(scene, PANEL_SHARE if with_panel else 0.0)
        if with_panel:
            self._set_panel(draw_panel(self._keys.annotated(update)))

    def draw(self) -> bool:
        """Handle the user's input and draw; False once the window was closed."""
        if self._keys.is_changed and self._last is not None:
            self._keys.is_changed = False
            self.show(*self._last)
        if self._panel is not None:
            self._hold_panel()
        alive = bool(self._vis.poll_events())
        self._vis.update_renderer()
        return alive

    def captured(self) -> Uint8:
        """(H, W, 3) RGB of the window as it is drawn now."""
        picture = np.asarray(self._vis.capture_screen_float_buffer(do_render=True))
        return np.round(picture * 255).astype(np.uint8)

    def close(self) -> None:
        self._vis.destroy_window()

    def _fill(self, scene: Scene) -> None:
        vector = self._o3d.utility.Vector3dVector
        size_px = POINT_PX if len(scene.points) > FEW_POINTS else SPARSE_POINT_PX
        self._vis.get_render_option().point_size = size_px * self._boldness
        self._cloud.points, self._cloud.colors = vector(scene.points), vector(scene.colors)
        for line_set, lines in zip(self._lines, scene.lines):
            self._fill_lines(line_set, lines)
        for geometry in (self._cloud, *self._lines):
            if self._is_filled:
                self._vis.update_geometry(geometry)
            else:
                self._vis.add_geometry(geometry, reset_bounding_box=False)
        self._is_filled = True

    def _fill_lines(self, line_set: Any, lines: Lines) -> None:
        line_set.points = self._o3d.utility.Vector3dVector(lines.points)
        line_set.lines = self._o3d.utility.Vector2iVector(lines.segments.astype(np.int32))
        line_set.colors = self._o3d.utility.Vector3dVector(np.tile(lines.color, (len(lines.segments), 1)))

    def _look_over(self, scene: Scene, covered: float) -> None:
        """Look over the whole map, unless the user has turned the view."""
        view = self._vis.get_view_control().convert_to_pinhole_camera_parameters()
        is_ours = self._T_eye_world_set is None or np.allclose(view.extrinsic, self._T_eye_world_set, atol=1e-3)
        if is_ours or self._keys.wants_all:
            K = view.intrinsic.intrinsic_matrix
            self._look_from(overview(scene, K[0, 2] / K[0, 0], K[1, 2] / K[1, 1], covered), scene)
        self._keys.wants_all = False

    def _look_from(self, T_world_eye: Float64, scene: Scene) -> None:
        control = self._vis.get_view_control()
        view = control.convert_to_pinhole_camera_parameters()
        self._vis.reset_view_point(True)  # takes the size of the grown map in
        control.set_constant_z_near(Z_NEAR_SHARE * scene.radius)
        control.set_constant_z_far(40 * scene.radius)
        view.extrinsic = invert(T_world_eye)
        control.convert_from_pinhole_camera_parameters(view, allow_arbitrary=True)
        self._T_eye_world_set = np.array(control.convert_to_pinhole_camera_parameters().extrinsic)

    def _set_panel(self, picture: Uint8) -> None:
        o3d, is_new = self._o3d, self._panel is None
        if is_new:
            self._panel = _quad(o3d)
        self._panel_aspect = picture.shape[0] / picture.shape[1]
        self._panel.textures = [o3d.geometry.Image(np.ascontiguousarray(picture))]
        self._hold_panel()
        if is_new:
            self._vis.add_geometry(self._panel, reset_bounding_box=False)

    def _hold_panel(self) -> None:
        """Keep the panel in the window's upper right corner, whatever the user does with the view."""
        view = self._vis.get_view_control().convert_to_pinhole_camera_parameters()
        K, width, height = view.intrinsic.intrinsic_matrix, view.intrinsic.width, view.intrinsic.height
        w = min(PANEL_SHARE * width, height / self._panel_aspect)
        x = np.array([width - w, width, width, width - w])
        y = np.array([0, 0, w, w]) * [1, 1, self._panel_aspect, self._panel_aspect]
        depth = 1.5 * Z_NEAR_SHARE * self._radius
        depth *= "panel" not in self._keys.hidden  # a panel without size is not seen
        corners = depth * np.column_stack([(x - K[0, 2]) / K[0, 0], (y - K[1, 2]) / K[1, 1], np.ones(4)])
        self._panel.vertices = self._o3d.utility.Vector3dVector(billboard(np.array(view.extrinsic), corners))
        self._vis.update_geometry(self._panel)


def _quad(o3d: Any) -> Any:
    """Two textured triangles, seen from both sides; their corners are set before each drawing."""
    triangles = np.array([[0, 2, 1], [0, 3, 2], [0, 1, 2], [0, 2, 3]], np.int32)
    quad = o3d.geometry.TriangleMesh(
        o3d.utility.Vector3dVector(np.zeros((4, 3))), o3d.utility.Vector3iVector(triangles)
    )
    corners_uv = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    quad.triangle_uvs = o3d.utility.Vector2dVector(corners_uv[triangles.ravel()])
    quad.triangle_material_ids = o3d.utility.IntVector([0] * len(triangles))
    return quad
