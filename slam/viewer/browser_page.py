"""The browser side of the viewer: a viser page with the map, the picture with its matches, the figures and buttons.

viser and not rerun-sdk: docs/browser_view.md has what was measured. It takes the next free port when the wanted one
is taken, and prints when it stops: who calls this checks the port, and keeps its output off the terminal.
"""

from __future__ import annotations

import html
import threading
from itertools import zip_longest
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from slam.types import Float64
from slam.viewer import scene as colours
from slam.viewer.browser_view import UP, BrowserView
from slam.viewer.chunks import Chunk, SentChunks
from slam.viewer.commands import Ask, ViewerCommand
from slam.viewer.keys import LINES
from slam.viewer.panel import draw_picture
from slam.viewer.scene import Lines, Scene, bright, scene_of
from slam.viewer.update import MAX_POINTS, ViewerUpdate

TITLE = "Earlybird SLAM"
SHOWN = ("landmarks", "keyframes", "path", "true path", "picture")
COLOURS = {
    "path": colours.TRAJECTORY,
    "true path": colours.TRUTH,
    "keyframes": colours.KEYFRAMES,
    "camera": colours.CURRENT,
}
STATUS = {"tracking": "#40e080", "relocalized": "#fac83c", "initializing": "#5ec8ff", "lost": "#f04858"}
POINT_SHARE, LINE_PX = 0.006, 3.0  # of a point in scene radii; of a line
GROWN = 1.2  # a radius that grew less changes no point's size
JPEG_QUALITY = 75
FOV_RAD = 0.8  # of the page's height; the overview does not settle in viser's own, which is wide
MAP_BUTTONS = {"New": ViewerCommand.RESET, "Save": ViewerCommand.SAVE_MAP, "Whole in view": None}
HELP = (
    "Drag turns the view, the right button moves it, the wheel comes closer. **Whole in view** looks over everything "
    "again, and goes on to do so as the map grows. **New** begins a new map that is never joined with what was "
    "before. **Save** writes map.ply into the run's folder, and the map file if there is one, at once."
)


class BrowserPage:
    """Serves the page; ``ask`` is called, in some thread, with what the people at the page ask of the run.

    Raises OSError when the port is taken.
    """

    def __init__(self, host: str, port: int, ask: Ask) -> None:
        import viser

        self._server: Any = viser.ViserServer(host=host, port=port, label=TITLE, verbose=False)
        if port and self._server.get_port() != port:
            self._server.stop()
            raise OSError(f"port {port} is taken")
        self.port = int(self._server.get_port())
        self._ask, self._is_paused = ask, False
        self._lock = threading.Lock()  # browsers come, go and click in threads of viser
        self._views: dict[int, BrowserView] = {}
        self._last: tuple[Scene, Float64 | None] | None = None
        self._chunks, self._radius = SentChunks(), 0.0
        self._clouds: dict[int, Any] = {}
        self._lines: dict[str, Any] = {}
        self._set_up_scene()
        self._add_panel()
        self._server.on_client_connect(self._joined)
        self._server.on_client_disconnect(self._left)

    def wait(self, connection: Connection) -> None:
        """Nothing to do: viser serves browsers in threads of its own."""

    def show(self, update: ViewerUpdate) -> None:
        """Show an update in every browser, now and to come; only what changed is sent."""
        scene = scene_of(update)
        snapshot = update.snapshot
        with self._lock, self._server.atomic():
            self._grow(scene.radius)
            for chunk in self._chunks.changed(
                snapshot.points_world[:MAX_POINTS], snapshot.colors[:MAX_POINTS], scene.radius
            ):
                self._set_chunk(chunk)
            for name, lines in zip(LINES, scene.lines):
                self._set_lines(name, lines)
            self._picture.image = draw_picture(update)
            self._figures.content = figures_html(update.figures)
        self._last = (scene, update.T_world_cam)
        self._look()

    def close(self) -> None:
        """Take the page from the net."""
        self._server.stop()

    def _set_up_scene(self) -> None:
        server = self._server
        server.gui.configure_theme(
            dark_mode=True, show_logo=False, show_share_button=False, control_width="large", brand_color=(61, 133, 242)
        )
        server.scene.set_up_direction(UP)
        server.scene.configure_environment_map(None)
        server.scene.configure_default_lights(False)
        server.scene.world_axes.visible = False
        server.initial_camera.fov = FOV_RAD
        self._parents = {name: server.scene.add_frame(f"/{name}", show_axes=False) for name in ("landmarks", *LINES)}

    def _add_panel(self) -> None:
        gui = self._server.gui
        gui.set_panel_label(TITLE)
        self._picture = gui.add_image(np.zeros((8, 8, 3), np.uint8), format="jpeg", jpeg_quality=JPEG_QUALITY)
        self._figures = gui.add_html(figures_html((("status", "waiting for the first frame"),)))
        self._pause = gui.add_button("Pause", hint="The run waits; frames of a camera are not answered meanwhile.")
        self._pause.on_click(lambda _: self._toggle_pause())
        group = gui.add_button_group("map", tuple(MAP_BUTTONS))
        group.on_click(lambda event: self._clicked(event.target.value, event.client))
        self._follow = gui.add_checkbox("follow camera", False)
        self._follow.on_update(lambda _: self._look())
        with gui.add_folder("Layers", expand_by_default=False):
            for name in SHOWN:
                self._add_layer(name)
        with gui.add_folder("Help", expand_by_default=False):
            gui.add_markdown(HELP)

    def _clicked(self, label: str, client: Any) -> None:
        command = MAP_BUTTONS[label]
        if command is None:
            self._show_all(client)
        else:
            self._ask(command)

    def _add_layer(self, name: str) -> None:
        box = self._server.gui.add_checkbox(name, True)
        layer = self._picture if name == "picture" else self._parents[name]

        def show() -> None:
            layer.visible = box.value

        box.on_update(lambda _: show())

    def _toggle_pause(self) -> None:
        with self._lock:
            self._is_paused = not self._is_paused
            self._pause.label = "Go on" if self._is_paused else "Pause"
            self._ask(ViewerCommand.PAUSE if self._is_paused else ViewerCommand.GO_ON)

    def _grow(self, radius: float) -> None:
        """Points of a map that grew are drawn larger, a step at a time."""
        if 1 / GROWN < radius / max(self._radius, 1e-9) < GROWN:
            return
        self._radius = radius
        for cloud in self._clouds.values():
            cloud.point_size = POINT_SHARE * radius

    def _set_chunk(self, chunk: Chunk) -> None:
        colors = np.round(255 * bright(chunk.colors)).astype(np.uint8)
        if chunk.number in self._clouds:
            cloud = self._clouds[chunk.number]
            cloud.points, cloud.colors = chunk.points_world, colors
            return
        self._clouds[chunk.number] = self._server.scene.add_point_cloud(
            f"/landmarks/{chunk.number}", chunk.points_world, colors, point_size=POINT_SHARE * self._radius,
            point_shape="circle", point_shading="flat", precision="float32",
        )  # fmt: skip

    def _set_lines(self, name: str, lines: Lines) -> None:
        points = lines.points[lines.segments].astype(np.float32)
        if name in self._lines:
            self._lines[name].points = points  # sent only where it differs
        elif len(points):
            self._lines[name] = self._server.scene.add_line_segments(
                f"/{name}/lines", points, lines.color, thickness=LINE_PX, thickness_units="screen"
            )

    def _joined(self, client: Any) -> None:
        with self._lock:
            self._views[client.client_id] = BrowserView(client, self._server.get_event_loop())
        self._look()

    def _left(self, client: Any) -> None:
        with self._lock:
            self._views.pop(client.client_id, None)

    def _show_all(self, client: Any) -> None:
        with self._lock:
            if client is not None and client.client_id in self._views:
                self._views[client.client_id].show_all()
        self._follow.value = False  # looks too, where it changes
        self._look()

    def _look(self) -> None:
        if self._last is None:
            return
        scene, T_world_cam = self._last
        with self._lock:
            for view in self._views.values():
                view.look(scene, T_world_cam, self._follow.value)


def figures_html(figures: tuple[tuple[str, str], ...]) -> str:
    """The figures as a table, and what the colours in the map mean."""
    halves = (figures[::2], figures[1::2])
    rows = "".join(
        f"<tr>{''.join(_cells(*figure) for figure in pair)}</tr>" for pair in zip_longest(*halves, fillvalue=("", ""))
    )
    swatches = "".join(
        f"<span style='color:rgb({','.join(str(round(255 * c)) for c in rgb)})'>&#9632;</span> {name} &ensp;"
        for name, rgb in COLOURS.items()
    )
    return f"<div style='padding:0 1em;font-size:.85em'><table id='figures'>{rows}</table><p>{swatches}</p></div>"


def _cells(name: str, text: str) -> str:
    return f"<td style='opacity:.6;width:6em'>{name}</td><td style='width:9em'>{_value(text)}</td>"


def _value(text: str) -> str:
    colour = STATUS.get(text.partition(":")[0], "inherit")
    return f"<span style='color:{colour}'>{html.escape(text)}</span>"
