"""The programs of docs/examples run as they stand; and what the package offers by name."""

import subprocess
import sys
from pathlib import Path

import pytest

import slam
from slam.data_files import data_dir
from slam.evaluation.mjpeg import MjpegCamera
from slam.trajectory import read_tum

EXAMPLES = Path(slam.__file__).parents[1] / "docs" / "examples"
pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the examples are not installed with the package")


def example(name, *arguments):
    command = [sys.executable, EXAMPLES / name, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=180)


def test_offline_writes_the_trajectory_of_a_recording(tmp_path):
    done = example("offline.py", "demo", "-", tmp_path / "out.txt")
    assert (done.returncode, done.stderr) == (0, "") and "150 of 150 frames placed" in done.stdout
    assert len(read_tum(tmp_path / "out.txt")) == 150


def test_a_camera_of_ones_own_is_tracked():
    images = [path.read_bytes() for path in sorted((data_dir("datasets") / "demo" / "tum" / "rgb").glob("*.jpg"))]
    with MjpegCamera(lambda index: images[index % len(images)], fps=15.0) as camera:
        done = example("own_camera.py", camera.address, 524.8, 524.8, 319.5, 239.5, 40)
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and len(lines) == 41
    assert lines[0].startswith("initializing") and lines[39].startswith("tracking [")
    assert "keyframes" in lines[40]


@pytest.mark.slow
def test_the_second_half_is_found_in_the_map_of_the_first(tmp_path):
    done = example("map_and_localize.py", "demo", "-", tmp_path / "demo.map")
    assert (done.returncode, done.stderr) == (0, "")
    found = int(done.stdout.split(" of 75 frames found")[0].split()[-1])
    assert found >= 60 and (tmp_path / "demo.map").is_file()


def test_every_public_name_is_there_and_an_unknown_one_says_what_is():
    assert all(getattr(slam, name) is not None for name in slam.HOMES)
    with pytest.raises(AttributeError, match="has no attribute 'Slan'; it has Camera, Rig"):
        slam.Slan  # noqa: B018
