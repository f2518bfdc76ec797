"""The viewer: a picture without a display, and a run that nothing here can disturb."""

import os
import signal
import time

import cv2
import numpy as np
import pytest

from slam.errors import MissingExtraError
from slam.types import Frame, MapSnapshot, Track, TrackStatus
from slam.viewer import process
from slam.viewer.panel import EARLY, LATE, NO_LAYER, draw_panel, exit_color
from slam.viewer.process import NullViewer, ProcessViewer
from slam.viewer.scene import MAX_PATH, bold, overview, polyline, scene_of, thinned
from slam.viewer.update import MAX_POINTS, ViewerUpdate, viewer_update


def update(index: int = 0, points: int = 3000) -> ViewerUpdate:
    """A box of points around a camera that moves along x."""
    rng = np.random.default_rng(index)
    poses = np.tile(np.eye(4), (8, 1, 1))
    poses[:, 0, 3] = np.linspace(0, 1, 8)
    cloud = rng.uniform(-2, 2, (points, 3)).astype(np.float32)
    snapshot = MapSnapshot(cloud, rng.integers(0, 255, (points, 3), np.uint8), np.arange(8), poses, poses[:, :3, 3])
    xy = rng.uniform(0, 470, (200, 2)).astype(np.float32)
    landmark_ids = np.where(np.arange(200) % 2, -1, np.arange(200))
    track = Track(index, index, TrackStatus.TRACKING, "", poses[-1], landmark_ids, xy, inliers=90, exit_layer=2)
    frame = Frame(index, index, rng.integers(0, 255, (480, 640), np.uint8))
    return viewer_update(frame, track, snapshot, num_layers=6, fps=12.5, ground_truth_world=poses[:, :3, 3])


@pytest.fixture
def headless(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)


def test_a_screenshot_needs_no_display(tmp_path, headless):
    viewer = ProcessViewer()
    viewer.show(update())
    viewer.close(tmp_path / "new" / "view.png")
    picture = cv2.imread(str(tmp_path / "new" / "view.png"))
    assert viewer.note == ""
    assert picture.shape == (720, 1600, 3)
    assert picture[:, :1120].std() > 10  # grey levels: the map was drawn
    assert picture[:, 1120:].std() > 10


def test_a_killed_viewer_does_not_disturb_the_run(tmp_path, headless):
    viewer = ProcessViewer()
    os.kill(viewer.pid, signal.SIGKILL)
    started_s = time.monotonic()
    for index in range(5):
        viewer.show(update(index))
    viewer.close(tmp_path / "view.png")
    assert time.monotonic() - started_s < 3.0
    assert viewer.note == "the viewer process ended early; the run went on without it; no screenshot was written"


def test_showing_never_waits_and_the_newest_wins(tmp_path, headless):
    viewer = ProcessViewer()
    updates = [update(index) for index in range(20)]
    started_s = time.monotonic()
    for each in updates:
        viewer.show(each)
    assert time.monotonic() - started_s < 0.25
    with viewer._changed:
        assert viewer._newest is updates[-1]  # the one slot, while the process still starts
    viewer.close()
    assert viewer.note == ""


def test_a_screenshot_that_cannot_be_written_is_a_note(tmp_path, headless):
    (tmp_path / "file").write_text("")
    viewer = ProcessViewer()
    viewer.show(update())
    viewer.close(tmp_path / "file" / "view.png")
    assert viewer.note.startswith("no screenshot")


def test_a_viewer_that_was_shown_nothing_says_so(tmp_path, headless):
    viewer = ProcessViewer()
    viewer.close(tmp_path / "view.png")
    assert "nothing was shown" in viewer.note


def test_a_missing_open3d_names_the_extra(monkeypatch):
    monkeypatch.setattr(process.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"earlybird-slam\[viewer\]"):
        ProcessViewer()


def test_the_null_viewer_does_nothing(tmp_path):
    viewer = NullViewer()
    viewer.show(update())
    viewer.close(tmp_path / "view.png")
    assert not (tmp_path / "view.png").exists()


def test_what_is_sent_is_small():
    sent = update(points=MAX_POINTS + 10_000)
    assert len(sent.snapshot.points_world) == MAX_POINTS
    assert sent.image.shape == (360, 480, 3)
    assert sent.xy.max() < 360  # px: keypoints shrink with the picture


def test_exit_layers_run_from_green_to_red():
    assert exit_color(1, 6) == EARLY
    assert exit_color(6, 6) == LATE
    assert exit_color(0, 0) == NO_LAYER


def test_the_panel_shows_matches_in_the_colour_of_the_exit():
    panel = draw_panel(update())
    difference = np.abs(panel[:360].astype(int) - exit_color(2, 6)).max(axis=-1)
    assert np.sum(difference < 15) > 100  # pixels, of 100 rings


def test_stray_points_do_not_move_the_view():
    clean, strayed = update(), update()
    strayed.snapshot.points_world[:20] *= 1e4
    assert np.linalg.norm(scene_of(strayed).center - scene_of(clean).center) < 0.2  # m
    assert len(scene_of(strayed).points) == len(scene_of(clean).points) - 20


def test_the_overview_has_the_map_in_view():
    scene = scene_of(update())
    T_world_eye = overview(scene, 0.9, 0.6, covered=0.3)
    points_eye = (scene.points - T_world_eye[:3, 3]) @ T_world_eye[:3, :3]
    u, v = points_eye[:, 0] / points_eye[:, 2], points_eye[:, 1] / points_eye[:, 2]
    assert np.mean((points_eye[:, 2] > 0) & (np.abs(v) < 0.6)) > 0.99
    assert np.mean((u > -0.9) & (u < 0.9 - 0.3 * 1.8)) > 0.99


def test_a_line_breaks_where_poses_are_missing():
    points = np.array([[0.0, 0, 0], [1, 0, 0], [np.nan] * 3, [2, 0, 0], [3, 0, 0]])
    np.testing.assert_array_equal(polyline(points, (1, 1, 1)).segments, [[0, 1], [3, 4]])


def test_a_long_path_is_drawn_with_fewer_points_and_to_its_end():
    path = np.arange(3 * 9001, dtype=float).reshape(-1, 3)
    short = thinned(path)
    assert len(short) <= MAX_PATH + 1
    np.testing.assert_array_equal(short[[0, 1, -1]], path[[0, 4, -1]])
    np.testing.assert_array_equal(thinned(path[:8100])[:2000], short[:2000])
    assert len(thinned(path[:MAX_PATH])) == MAX_PATH


def test_an_empty_map_can_be_drawn():
    nothing = MapSnapshot(
        np.zeros((0, 3), np.float32),
        np.zeros((0, 3), np.uint8),
        np.zeros(0, np.int64),
        np.zeros((0, 4, 4)),
        np.zeros((0, 3)),
    )
    blank = ViewerUpdate(
        nothing, np.zeros((30, 40, 3), np.uint8), np.zeros((0, 2), np.float32), np.zeros(0, bool), 0, 0, ()
    )
    scene = bold(scene_of(blank), 0.001)
    assert scene.radius == 1.0
    assert np.isfinite(overview(scene, 0.9, 0.6)).all()
