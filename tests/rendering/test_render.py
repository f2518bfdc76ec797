import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from slam.errors import ConfigError, MissingExtraError
from slam.geometry import transform_from_quat_xyzw
from slam.rendering.options import STEREO_BASELINE_M, RenderOptions, image_stamps_ns, rgbd_camera
from slam.rendering.render import render_recording
from slam.rendering.room import CLEAR_MAX, CLEAR_MIN
from slam.rig_file import load_rig

SMALL = RenderOptions(seconds=0.3, fps=10.0, seed=3, layout="both", width=96, height=72)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    out = tmp_path_factory.mktemp("rendered")
    calls = []
    render_recording(SMALL, out, lambda done, total: calls.append((done, total)))
    assert calls == [(i, 6) for i in range(1, 7)]
    return out


def digest(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    parts = [str(path.relative_to(folder)).encode() + path.read_bytes() for path in files]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def test_the_same_seed_gives_identical_bytes(recording, tmp_path):
    render_recording(SMALL, tmp_path / "again")
    assert digest(tmp_path / "again") == digest(recording)


def test_tum_lists_name_images_depth_and_poses_at_the_same_stamps(recording):
    tum = recording / "tum"
    rows = {name: (tum / f"{name}.txt").read_text().splitlines()[1:] for name in ("rgb", "depth", "groundtruth")}
    stamps = {name: [row.split()[0] for row in lines] for name, lines in rows.items()}
    assert stamps["rgb"] == stamps["depth"] == stamps["groundtruth"] == [f"1600000000.{i}00000" for i in range(3)]
    assert cv2.imread(str(tum / rows["rgb"][0].split()[1])).shape == (72, 96, 3)
    depth = cv2.imread(str(tum / rows["depth"][0].split()[1]), cv2.IMREAD_UNCHANGED)
    assert depth.dtype == np.uint16
    assert 0.4 < np.median(depth[depth > 0]) / 5000 < 6.0  # metres


def test_ground_truth_poses_lie_in_the_room(recording):
    for line in (recording / "tum/groundtruth.txt").read_text().splitlines()[1:]:
        values = np.array(line.split(), float)
        T_world_cam = transform_from_quat_xyzw(values[1:4], values[4:])
        assert (T_world_cam[:3, 3] > CLEAR_MIN).all()
        assert (T_world_cam[:3, 3] < CLEAR_MAX).all()
        assert abs(T_world_cam[2, 2]) < 0.7  # looks about level


def test_the_rig_beside_the_recording_loads_and_is_the_camera_that_took_it(recording):
    rig = load_rig(recording / "tum/rig.toml")
    assert rig.left == rgbd_camera(SMALL)
    assert (rig.depth_factor, rig.depth_invalid, rig.depth_baseline_m) == (5000.0, (0,), 0.08)


def test_euroc_state_and_image_stamps_agree_and_the_baseline_is_in_t_bs(recording):
    mav = recording / "euroc/mav0"
    states = np.loadtxt(
        mav / "state_groundtruth_estimate0/data.csv", delimiter=",", comments="#", usecols=0, dtype=np.int64
    )
    images = [line.split(",") for line in (mav / "cam0/data.csv").read_text().splitlines()[1:]]
    assert [int(stamp) for stamp, _ in images] == image_stamps_ns(SMALL).tolist()
    assert set(image_stamps_ns(SMALL).tolist()) <= set(states.tolist())
    assert all((mav / cam / "data" / name).is_file() for _, name in images for cam in ("cam0", "cam1"))
    sensors = [yaml.safe_load((mav / cam / "sensor.yaml").read_text().split("\n", 1)[1]) for cam in ("cam0", "cam1")]
    T_body_left, T_body_right = (np.array(sensor["T_BS"]["data"]).reshape(4, 4) for sensor in sensors)
    assert np.linalg.norm(T_body_right[:3, 3] - T_body_left[:3, 3]) == pytest.approx(STEREO_BASELINE_M)


def test_stereo_and_rgbd_ground_truth_are_one_path(recording):
    mav = recording / "euroc/mav0"
    row = np.loadtxt(mav / "state_groundtruth_estimate0/data.csv", delimiter=",", comments="#")[0]
    T_world_body = transform_from_quat_xyzw(row[1:4], np.roll(row[4:8], -1))
    data = yaml.safe_load((mav / "cam0/sensor.yaml").read_text().split("\n", 1)[1])["T_BS"]["data"]
    T_world_cam = T_world_body @ np.array(data).reshape(4, 4)
    values = np.array((recording / "tum/groundtruth.txt").read_text().splitlines()[1].split(), float)
    np.testing.assert_allclose(T_world_cam, transform_from_quat_xyzw(values[1:4], values[4:]), atol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"layout": "kitti"}, "layout 'kitti' is unknown"),
        ({"motion": "dance"}, "motion 'dance' is unknown"),
        ({"lighting": "noon"}, "lighting 'noon' is unknown"),
        ({"seconds": 0.0}, "above 0"),
        ({"width": 8}, "too small"),
        ({"jpeg_quality": 0}, "between 1 and 100"),
        ({"loops": -1}, "can't be negative"),
    ],
)
def test_impossible_options_are_one_clear_error(wrong, sentence, tmp_path):
    with pytest.raises(ConfigError, match=sentence):
        render_recording(replace(SMALL, **wrong), tmp_path)


def test_without_open3d_the_error_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "open3d", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'earlybird-slam\[viewer\]'"):
        render_recording(SMALL, tmp_path)
