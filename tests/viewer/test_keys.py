"""The keys of the Open3D window: what they ask of the run, and what they do to the picture. No display is needed."""

import numpy as np
import pytest
from test_viewer import headless, update  # noqa: F401 - a fixture

from slam.viewer.commands import ViewerCommand
from slam.viewer.keys import HELP, LAYERS, WindowKeys
from slam.viewer.scene import CURRENT, KEYFRAMES, TRAJECTORY, TRUTH, scene_of
from slam.viewer.window import PANEL_SHARE, MapWindow


class Keyboard:
    """Takes the place of Open3D's window when keys are registered: it presses them."""

    def __init__(self):
        self._actions = {}

    def register_key_callback(self, key, action):
        self._actions[key] = action

    def press(self, keys):
        for key in keys:
            assert self._actions[ord(key)](None) is False


@pytest.fixture
def asked():
    return []


@pytest.fixture
def keys(asked):
    return WindowKeys(asked.append)


@pytest.fixture
def keyboard(keys):
    keyboard = Keyboard()
    keys.listen(keyboard)
    return keyboard


def test_keys_ask_the_run(keyboard, asked):
    keyboard.press("  NS")
    assert asked == [ViewerCommand.PAUSE, ViewerCommand.GO_ON, ViewerCommand.RESET, ViewerCommand.SAVE_MAP]


def test_keys_for_the_view_ask_the_run_nothing(keyboard, keys, asked):
    keyboard.press("FVH12345")
    assert asked == [] and keys.is_changed
    assert keys.hidden == set(LAYERS)


@pytest.mark.parametrize("key, layer, color", [("2", 0, KEYFRAMES), ("3", 2, TRAJECTORY), ("4", 1, TRUTH)])
def test_a_layer_is_hidden_and_shown_again(keyboard, keys, key, layer, color):
    scene = scene_of(update())
    assert scene.lines[layer].color == color
    keyboard.press(key)
    assert [len(lines.segments) > 0 for lines in keys.shown(scene).lines] == [i != layer for i in range(4)]
    keyboard.press(key)
    assert keys.shown(scene).lines[layer].color == color


def test_landmarks_are_hidden_and_the_camera_stays(keyboard, keys):
    keyboard.press("1")
    scene = keys.shown(scene_of(update()))
    assert len(scene.points) == 0 and scene.lines[3].color == CURRENT


def test_the_figures_tell_of_a_pause_and_of_the_keys(keyboard, keys):
    assert ("help", "key H") in keys.annotated(update()).figures
    keyboard.press(" H")
    figures = keys.annotated(update()).figures
    assert ("run", "paused; space goes on") in figures
    assert figures[-len(HELP) :] == HELP


def test_what_is_pressed_is_drawn_without_a_new_update(headless):  # noqa: F811
    window, keyboard = MapWindow((640, 400), visible=False), Keyboard()
    window._keys.listen(keyboard)
    window.show(update(), with_panel=True)
    window.draw()
    whole = window.captured()
    panel = whole[:200, -round(PANEL_SHARE * 640) :]
    keyboard.press("135")
    window.draw()
    bare = window.captured()
    assert panel.std() > 20 and bare[:200, -round(PANEL_SHARE * 640) :].std() < 10  # grey levels
    keyboard.press("135F")
    window.draw()
    followed = window.captured()
    keyboard.press("V")
    window.draw()
    back = window.captured()
    window.close()
    assert np.abs(followed.astype(int) - whole).mean() > 3
    assert np.abs(back.astype(int) - whole).mean() < 1
