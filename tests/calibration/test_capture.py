"""The capture: what is taken, what is refused, what it says to do next, when it ends, and a camera that fails."""

import time
from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest
from board_world import CHARUCO, LENS, SENSOR, Look, held, render, seen, smaller
from scipy.spatial.transform import Rotation

from slam.calibration.capture import Capture, capture
from slam.calibration.coverage import CELLS, Coverage, coverage_of, sharp_and_diverse
from slam.calibration.live import newest_frames
from slam.calibration.view import placement
from slam.calibration.work import calibrate_live, open_camera
from slam.errors import CalibrationError, SourceError
from slam.evaluation.mjpeg import MjpegCamera
from slam.geometry import transform
from slam.terminal import console
from slam.terminal_calibration import rendered
from slam.types import Frame

SMALL = smaller(LENS, 0.75)


def frames_of(poses, look=SENSOR, camera=SMALL):
    """Every pose held for two frames, as a hand does."""
    images = (render(CHARUCO, camera, T, look, seed=i) for i, T in enumerate(poses))
    for i, image in enumerate(images):
        for again in range(2):
            yield Frame(2 * i + again, (2 * i + again) * 33_000_000, image)


def facing(x_m=0.0, y_m=0.0, z_m=0.45, turn=(0.0, 0.0, 0.0)):
    """The board before the camera, turned about its middle."""
    R = Rotation.from_rotvec(turn).as_matrix()
    centre = np.array([CHARUCO.columns, CHARUCO.rows, 0]) * CHARUCO.square_m / 2
    return transform(R, np.array([x_m, y_m, z_m]) - R @ centre)


def test_it_ends_by_itself_once_there_is_enough_and_keeps_every_view():
    poses = held(CHARUCO, SMALL, 70, seed=4, fill=(0.5, 0.95))
    looks, kept = [], {}
    views = capture(frames_of(poses), CHARUCO, looks.append, kept.__setitem__)
    assert looks[-1].advice == "" and looks[-1].coverage.share >= 0.85
    assert 20 <= len(views) < 60 and len(looks) < 140
    assert list(kept) == [view.name for view in views]
    assert kept["000"].shape == (SMALL.height, SMALL.width)


def test_what_is_not_taken_says_why():
    work = Capture(CHARUCO)
    shown = render(CHARUCO, SMALL, facing())
    said = [
        work.look(Frame(i, i, image)).what for i, image in enumerate([np.full_like(shown, 90), shown, shown, shown])
    ]
    assert said == ["the board is not seen", "hold it still", "view 1 taken", "like a view before"]
    moved = render(CHARUCO, SMALL, facing(0.05))
    assert work.look(Frame(4, 4, moved)).what == "hold it still"
    blurred = render(CHARUCO, SMALL, facing(-0.03, z_m=0.2), Look(blur_px=2.0))
    assert [work.look(Frame(i, i, blurred)).what[:7] for i in (5, 6)] == ["hold it", "blurred"]


def test_advice_goes_from_coverage_to_tilts_to_size_to_number():
    coverage = Coverage(CHARUCO)
    assert coverage.advice() == "move the board to the top left of the image"
    coverage.corners[:, :7] = 1
    assert coverage.advice() == "move the board to the top right of the image"
    coverage.corners[:] = 1
    assert coverage.advice() == "tilt the board, its right edge away from the camera"
    for turn in ((0, 0.5, 0), (0, -0.5, 0), (0.5, 0, 0), (-0.5, 0, 0)):
        for _ in range(3):
            coverage.add(seen(CHARUCO, LENS, facing(z_m=1.1, turn=turn)))
    assert coverage.advice() == "bring the board closer"
    coverage.add(seen(CHARUCO, LENS, facing(z_m=0.3)))
    assert coverage.advice() == "7 more views, each held otherwise"


@pytest.mark.parametrize("turn, sides", [((0, -0.5, 0), (1, 0, 0, 0)), ((0, 0.5, 0), (0, 1, 0, 0))])
def test_a_turn_is_told_by_the_edge_that_is_farther(turn, sides):
    """Turned about the y axis, which points down, by a negative angle the right edge goes away from the camera."""
    right = facing(turn=turn) @ [*CHARUCO.points[CHARUCO.inner[0] - 1], 1]
    left = facing(turn=turn) @ [*CHARUCO.points[0], 1]
    assert (right[2] > left[2]) == (sides[0] == 1)
    assert coverage_of([seen(CHARUCO, LENS, facing(turn=turn))], CHARUCO).tilted == sides
    nod = facing(turn=(0.5, 0, 0))
    assert placement(seen(CHARUCO, LENS, nod), CHARUCO).nod_rad > 0.3
    assert (nod @ [*CHARUCO.points[-1], 1])[2] > (nod @ [*CHARUCO.points[0], 1])[2]


def test_cells_count_corners_where_they_are():
    view = seen(CHARUCO, LENS, facing(-0.1, -0.08, 0.5))
    coverage = coverage_of([view], CHARUCO)
    column, row = np.floor((view.xy[0] + 0.5) / (640 / CELLS[0], 480 / CELLS[1])).astype(int)
    assert coverage.corners[row, column] > 0 and coverage.corners.sum() == len(view.ids)


def test_of_many_views_the_diverse_stay_and_blurred_ones_go():
    rng = np.random.default_rng(0)
    views = [seen(CHARUCO, LENS, T, f"{i}", 0.1, rng) for i, T in enumerate(held(CHARUCO, LENS, 30, seed=1))]
    alike = [seen(CHARUCO, LENS, facing(), f"alike {i}", 0.1, rng) for i in range(30)]
    object.__setattr__(views[3], "blur_px", 9.0)
    chosen, dropped = sharp_and_diverse([*alike, *views], CHARUCO, 25)
    assert len(chosen) == 25 and len(dropped) == 35
    assert sum(view.name.startswith("alike") for view in chosen) <= 2
    assert [item.reason[:12] for item in dropped if item.name == "3"] == ["blurred over"]
    assert sharp_and_diverse([], CHARUCO) == ([], [])


def test_the_terminal_shows_cells_tilts_and_advice():
    work = Capture(CHARUCO)
    for i, frame in enumerate(frames_of([facing(turn=(0, -0.5, 0))])):
        look = work.look(Frame(i, i, frame.image))
    with console.capture() as said:
        console.print(rendered(look))
    text = said.get()
    assert "1 views" in text and "right edge away 1" in text and "view 1 taken" in text and "move the board" in text
    assert len([line for line in text.splitlines() if line and set(line.strip()) <= set("·░▒▓█")]) == CELLS[1]


@dataclass
class Camera:
    """A live source that gives these frames, and then fails, or falls silent."""

    frames: list
    failure: Exception | None = None
    silent_s: float = 0.0
    reconnecting_s: float = 0.0
    notes: list = field(default_factory=list)
    is_closed: bool = False
    is_reconnecting: bool = False
    is_live: bool = True

    def __iter__(self):
        yield from self.frames
        self.is_reconnecting = self.reconnecting_s > 0
        time.sleep(self.silent_s + self.reconnecting_s)
        self.is_reconnecting = False
        if self.failure is not None:
            raise self.failure

    def close(self):
        self.is_closed = True


def test_a_camera_that_is_gone_or_silent_is_an_error_and_is_closed():
    gone = Camera([], SourceError("the camera is gone"))
    with pytest.raises(SourceError, match="is gone"):
        list(newest_frames(gone))
    silent = Camera([], silent_s=2.5)
    with pytest.raises(SourceError, match="the camera is silent"):
        list(newest_frames(silent))
    assert gone.is_closed and silent.is_closed


def test_a_camera_that_reconnects_is_waited_for():
    assert list(newest_frames(Camera([], reconnecting_s=2.3))) == []


def test_a_camera_is_calibrated_with_what_was_taken_when_it_is_stopped(tmp_path):
    frames = list(frames_of(held(CHARUCO, SMALL, 9, seed=4, fill=(0.5, 0.8))))
    asked = iter([False] * 17 + [True] * 99)
    camera = Slow(frames)
    report = calibrate_live(camera, CHARUCO, "radtan", tmp_path / "out", lambda look: None, lambda: next(asked))
    assert report.rig.left.fx == pytest.approx(SMALL.fx, rel=0.02)
    assert len(list((tmp_path / "out" / "images").glob("*.png"))) == len(report.cameras[0][1].views)
    assert any("views are few" in note for note in report.notes)


def test_a_network_camera_on_loopback_is_calibrated(tmp_path):
    """As it is typed: slam calibrate camera webcam ADDRESS. The board is held still for three frames at 10 Hz."""
    poses = held(CHARUCO, SMALL, 9, seed=4, fill=(0.5, 0.8))
    jpegs = [
        cv2.imencode(".jpg", render(CHARUCO, SMALL, T), [cv2.IMWRITE_JPEG_QUALITY, 98])[1].tobytes() for T in poses
    ]
    asked = iter([False] * 24 + [True] * 99)
    with MjpegCamera(lambda index: jpegs[index // 3 % len(jpegs)], 10.0) as camera:
        source = open_camera(["webcam", camera.address], (None, None))
        report = calibrate_live(source, CHARUCO, "radtan", tmp_path / "out", lambda look: None, lambda: next(asked))
    assert report.rig.left.fx == pytest.approx(SMALL.fx, rel=0.03)
    assert report.rig.left.image_size == SMALL.image_size


def test_too_few_views_are_an_error_that_says_where_they_are(tmp_path):
    camera = Slow(list(frames_of([facing()])))
    with pytest.raises(CalibrationError, match=r"seen in 1 views.*the 1 views taken are in .*images"):
        calibrate_live(camera, CHARUCO, "radtan", tmp_path, lambda look: None, lambda: False)
    assert [path.name for path in (tmp_path / "images").iterdir()] == ["000.png"]


class Slow(Camera):
    """Waits long enough between frames that each is looked at."""

    def __iter__(self):
        for frame in self.frames:
            yield frame
            time.sleep(0.12)
