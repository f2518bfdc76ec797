"""Pictures of a camera's run: from its recording, where it made one."""

import pytest
from command_line import called

from slam.data_files import data_dir
from slam.evaluation.mjpeg import MjpegCamera

LIVE = ("--intrinsics", "524.8,524.8,319.5,239.5", "--headless", "--max-frames", 60)


@pytest.fixture(scope="module")
def camera():
    images = [path.read_bytes() for path in sorted((data_dir("datasets") / "demo" / "tum" / "rgb").glob("*.jpg"))]
    with MjpegCamera(lambda index: images[min(index, len(images) - 1)], fps=15.0) as plugged:
        yield plugged


def test_a_recorded_run_of_a_camera_has_its_pictures(camera, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    words = ("run", "webcam", camera.address, *LIVE, "--record", "taken", "--out", "run")
    assert called(monkeypatch, capsys, *words).code == 0
    done = called(monkeypatch, capsys, "export", "run", "colmap", "--every", 10)
    assert (done.code, done.err) == (0, "") and "with pictures" in done.out
    out = tmp_path / "run" / "export" / "colmap"
    assert len(list((out / "images").iterdir())) >= 5
