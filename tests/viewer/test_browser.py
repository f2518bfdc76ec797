"""The browser view: what a real browser shows of it, what its buttons ask, and a run that nothing here can disturb."""

import os
import signal
import socket
import time
from dataclasses import replace
from urllib.error import URLError
from urllib.request import urlopen

import cv2
import numpy as np
import pytest
from chromium import chromium, eventually
from test_viewer import update

from slam.errors import ConfigError, MissingExtraError
from slam.viewer import process
from slam.viewer.browser import BrowserViewer, check_free
from slam.viewer.browser_main import run_browser
from slam.viewer.chunks import CHUNK, SentChunks
from slam.viewer.commands import ViewerCommand
from slam.viewer.scene import KEYFRAMES, TRAJECTORY, behind, bright, looking

VIOLET = np.array([150, 20, 220], np.uint8)  # RGB, of every landmark


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def violet(index=0):
    """An update whose landmarks are all of one colour."""
    drawn = update(index)
    snapshot = replace(drawn.snapshot, colors=np.tile(VIOLET, (len(drawn.snapshot.colors), 1)))
    return replace(drawn, snapshot=snapshot)


def pixels(picture, rgb):
    """How many are of a colour, left of the panel; where drawing is slow, viser draws fewer and blurs them."""
    difference = np.abs(picture[:, :860].astype(int) - np.round(rgb)).max(axis=-1)
    return int(np.sum(difference <= 40))  # levels of 255


def view(page):
    """What is seen left of the panel and below the notices, which come and go; coarsely."""
    return cv2.resize(page.picture()[160:, :860], (86, 86), interpolation=cv2.INTER_AREA).astype(int)


def landmark_pixels(page):
    return pixels(page.picture(), 255 * bright(VIOLET))


@pytest.fixture(scope="module")
def viewer():
    shown = BrowserViewer(port=free_port())
    shown.show(violet())
    yield shown
    shown.close()


@pytest.fixture(scope="module")
def page(viewer, tmp_path_factory):
    """The view in a browser that comes when everything has been sent."""
    eventually(lambda: _answers(viewer.address))
    time.sleep(0.5)
    with chromium(tmp_path_factory.mktemp("chromium")) as page:
        page.go(viewer.address)
        eventually(lambda: "tracking" in page.text())
        eventually(lambda: landmark_pixels(page) > 1000)
        yield page


def _answers(address):
    try:
        return urlopen(address).status == 200
    except URLError:
        return False


def asked(viewer):
    """What the view asks of the run next."""
    return eventually(viewer.commands)


def test_a_browser_that_comes_late_sees_the_map_the_picture_and_the_figures(page):
    picture = page.picture()
    assert landmark_pixels(page) > 1000
    assert pixels(picture, 255 * np.array(KEYFRAMES)) > 30
    assert pixels(picture, 255 * np.array(TRAJECTORY)) > 30
    assert picture[70:330, 900:1240].std() > 30  # grey levels: the noise of the frame
    assert {"tracking", "12.5", "90", "3000"} <= set(page.text().split())


def test_nothing_but_this_machine_is_asked_for_anything(page, viewer):
    place = viewer.address.removeprefix("http://")
    mine = ("data:", f"http://{place}/", f"ws://{place}", f"blob:http://{place}/")
    assert any(address.startswith("ws://") for address in page.asked)
    assert [address for address in page.asked if not address.startswith(mine)] == []


def test_a_newer_update_reaches_the_page(page, viewer):
    viewer.show(replace(violet(), figures=(("status", "lost: no match"), ("frame", "77"))))
    eventually(lambda: "lost: no match" in page.text())
    viewer.show(violet())
    eventually(lambda: "tracking" in page.text())


def test_the_buttons_ask_the_run(page, viewer):
    page.click("Pause")
    assert asked(viewer) == (ViewerCommand.PAUSE,)
    eventually(lambda: "Go on" in page.text())
    page.click("Go on")
    assert asked(viewer) == (ViewerCommand.GO_ON,)
    page.click("New")
    assert asked(viewer) == (ViewerCommand.RESET,)
    page.click("Save")
    assert asked(viewer) == (ViewerCommand.SAVE_MAP,)
    assert viewer.commands() == ()


def test_the_view_follows_the_camera_and_comes_back(page):
    page.click("Whole in view")
    time.sleep(1.0)  # s: what is compared with must itself be the whole view, at rest
    before = view(page)
    page.check("follow camera")
    eventually(lambda: np.abs(view(page) - before).mean() > 4)  # grey levels
    page.click("Whole in view")
    eventually(lambda: np.abs(view(page) - before).mean() < 2)


def test_a_layer_can_be_hidden(page):
    page.click("Layers")
    eventually(lambda: "true path" in page.text().split("Layers")[1])
    page.check("landmarks")
    eventually(lambda: landmark_pixels(page) == 0)
    page.check("landmarks")
    eventually(lambda: landmark_pixels(page) > 1000)


def test_a_browser_view_that_nobody_opens_changes_nothing():
    viewer = BrowserViewer(port=free_port())
    for index in range(5):
        viewer.show(update(index))
    assert viewer.commands() == ()
    viewer.close()
    assert viewer.note == ""


def test_a_browser_view_leaves_the_terminal_to_the_run(capfd):
    viewer = BrowserViewer(port=free_port())
    eventually(lambda: _answers(viewer.address))
    viewer.close()
    assert capfd.readouterr() == ("", "")


def test_a_killed_browser_view_does_not_disturb_the_run():
    viewer = BrowserViewer(port=free_port())
    os.kill(viewer.pid, signal.SIGKILL)
    started_s = time.monotonic()
    for index in range(5):
        viewer.show(update(index))
    assert eventually(viewer.commands) == (ViewerCommand.CLOSED,)
    assert viewer.commands() == ()
    viewer.close()
    assert time.monotonic() - started_s < 3.0
    assert viewer.note == "the viewer process ended early; the run went on without it"


def test_a_port_that_is_taken_names_its_option():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(ConfigError, match=r"--viewer-port \d+: is taken by another program"):
            BrowserViewer(port=other.getsockname()[1])


def test_a_port_that_is_taken_in_the_last_moment_is_a_note():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        viewer = process.ProcessViewer(run_browser, ("127.0.0.1", other.getsockname()[1]))
        viewer.show(update())
        viewer.close()
    assert viewer.note.startswith("no browser view: port") and viewer.note.endswith("choose another --viewer-port")


@pytest.mark.parametrize(
    "host, port, sentence",
    [
        ("127.0.0.1", 0, "--viewer-port 0: must be 1 to 65535"),
        ("127.0.0.1", 70000, "--viewer-port 70000: must be 1 to 65535"),
        ("no.such.name.invalid", 8080, "--viewer-host no.such.name.invalid: is no address"),
        ("192.0.2.1", 8080, "--viewer-host 192.0.2.1: is no address of this machine"),
    ],
)
def test_an_address_that_cannot_be_served_names_its_option(host, port, sentence):
    with pytest.raises(ConfigError, match=sentence):
        check_free(host, port)


def test_a_missing_viser_names_the_extra(monkeypatch):
    monkeypatch.setattr(process.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"earlybird-slam\[browser\]"):
        BrowserViewer()


def test_only_pieces_of_the_map_that_changed_are_sent():
    rng = np.random.default_rng(0)
    points, colors = rng.normal(size=(3 * CHUNK, 3)).astype(np.float32), np.zeros((3 * CHUNK, 3), np.uint8)
    sent = SentChunks()
    assert [chunk.number for chunk in sent.changed(points, colors, 1.0)] == [0, 1, 2]
    assert sent.changed(points + np.float32(5e-4), colors, 1.0) == []  # m, less than can be seen
    moved = points.copy()
    moved[CHUNK] += 0.1
    assert [chunk.number for chunk in sent.changed(moved, colors, 1.0)] == [1]


def test_pieces_that_the_map_lost_are_emptied_once():
    points, colors = np.zeros((CHUNK + 1, 3), np.float32), np.zeros((CHUNK + 1, 3), np.uint8)
    sent = SentChunks()
    sent.changed(points, colors, 1.0)
    gone = sent.changed(points[:10], colors[:10], 1.0)
    assert [(chunk.number, len(chunk.points_world)) for chunk in gone] == [(0, 10), (1, 0)]
    assert sent.changed(points[:10], colors[:10], 1.0) == []


def test_who_follows_stands_behind_the_camera_and_sees_it():
    T_world_cam = np.eye(4)
    T_world_cam[:3, :3] = [[0, 0, 1], [0, 1, 0], [-1, 0, 0]]  # looks along x
    T_world_cam[:3, 3] = 3, 1, 2
    T_world_eye = looking(*behind(T_world_cam, radius=2.0))
    camera_eye = T_world_eye[:3, :3].T @ (T_world_cam[:3, 3] - T_world_eye[:3, 3])
    assert np.linalg.det(T_world_eye[:3, :3]) == pytest.approx(1.0)
    assert camera_eye[2] > 0.5  # m ahead
    assert abs(camera_eye[0]) < 1e-9 and 0 < camera_eye[1] < 0.5 * camera_eye[2]


def test_who_looks_straight_down_has_a_level_all_the_same():
    T_world_eye = looking(np.zeros(3), np.array([0.0, 2.0, 0.0]))
    np.testing.assert_allclose(T_world_eye[:3, :3] @ T_world_eye[:3, :3].T, np.eye(3), atol=1e-12)
