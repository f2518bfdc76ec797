"""Where one browser looks from: over the whole map until its user turns the view, or behind the camera."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections import deque
from typing import Any

import numpy as np

from slam.types import Float64
from slam.viewer.scene import Scene, behind, overview

UP = (0.0, -1.0, 0.0)  # y is down in the world
REMEMBERED = 8  # views that were set: the browser answers a little late, with one of them
SAME_SHARE = 0.02  # of the scene's radius: closer views are one
COVERED = 0.28  # of the page's width, by the panel with the buttons
NUDGE_SHARE = 1e-3  # of the scene's radius


class BrowserView:
    """The view of one browser; ``client`` and ``event_loop`` are viser's."""

    def __init__(self, client: Any, event_loop: AbstractEventLoop) -> None:
        self._client, self._event_loop = client, event_loop
        self._set: deque[Float64] = deque(maxlen=REMEMBERED)  # where the eye was put
        self._is_free = False  # the user has turned it
        self._must_move = True
        self._radius = 1.0
        client.camera.on_update(lambda camera: self._reported(np.asarray(camera.position, np.float64)))

    def show_all(self) -> None:
        """Look over the whole map again."""
        self._is_free, self._must_move = False, True

    def look(self, scene: Scene, T_world_cam: Float64 | None, follows: bool) -> None:
        """Move with a new state of the map; a view that the user has chosen stays."""
        self._radius = scene.radius
        if follows and T_world_cam is not None:
            self._put(*behind(T_world_cam, scene.radius))
        elif not (follows or self._is_free):
            self._put(*self._over(scene))

    def _over(self, scene: Scene) -> tuple[Float64, Float64]:
        camera = self._client.camera
        half_height = np.tan(camera.fov / 2)
        T_world_eye = overview(scene, half_height * camera.aspect, half_height, COVERED)
        eye, forward = T_world_eye[:3, 3], T_world_eye[:3, 2]
        return eye, eye + max(float((scene.center - eye) @ forward), 0.1 * scene.radius) * forward

    def _put(self, eye: Float64, target: Float64) -> None:
        if not self._must_move and np.linalg.norm(eye - self._set[-1]) < 0.5 * SAME_SHARE * self._radius:
            return
        self._must_move = False
        self._set.append(eye)
        self._event_loop.call_soon_threadsafe(self._move, eye, target, NUDGE_SHARE * self._radius)

    def _move(self, eye: Float64, target: Float64, nudge: float) -> None:
        """Send a view to the browser; where nothing that the browser says can come in between.

        viser sends only what differs from the browser's last word, which may be of before its last move: what is a
        nudge away is always sent, and of two messages the later one.
        """
        camera = self._client.camera
        with self._client.atomic():
            camera.up_direction = UP
            for moved in (nudge, 0.0):
                camera.position = eye + moved
            for moved in (nudge, 0.0):
                camera.look_at = target + moved

    def _reported(self, eye: Float64) -> None:
        """The browser says where it looks from: where it was told to, or where its user went."""
        if self._set and min(np.linalg.norm(eye - place) for place in self._set) > SAME_SHARE * self._radius:
            self._is_free = True
