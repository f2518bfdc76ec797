"""One small furnished room for all tests of the renderer."""

import pytest

pytest.importorskip("open3d", reason="OPEN3D NOT INSTALLED: the renderer's tests were not run")

from slam.rendering.raycaster import Raycaster
from slam.rendering.room import build_room
from slam.rendering.scene import Scene


@pytest.fixture(scope="session")
def room() -> Scene:
    return build_room(seed=3)


@pytest.fixture(scope="session")
def raycaster(room: Scene) -> Raycaster:
    return Raycaster(room)
