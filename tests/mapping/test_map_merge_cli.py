"""Maps of overlapping halves of the demo and of another room, merged by the command line; and a camera kidnapped."""

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import called, called_in, kidnapped_recording, short_recording, typed

from slam.data_files import data_dir
from slam.geometry import umeyama
from slam.mapfile.reader import load_map
from slam.mapfile.same import same_map, same_places
from slam.trajectory import read_tum

WITH = ("--viewer", "none", "--out", "run")
BLACK = [None] * 20


@pytest.fixture(scope="module")
def halves(tmp_path_factory):
    """A folder with a map of the demo's frames 0 to 89, one of 60 to 149, and both merged; and what that said."""
    folder = tmp_path_factory.mktemp("halves")
    for name, first in (("a", 0), ("b", 60)):
        recording = short_recording(folder / name, 90, first)
        done = called_in(
            folder, "run", "tum", recording, "--map", f"{name}.map", "--viewer", "none", "--out", f"run_{name}"
        )
        assert (done.code, done.err) == (0, "")
    done = typed(folder, "map", "merge", "a.map", "b.map", "both.map")
    assert (done.code, done.err) == (0, "")
    return folder, " ".join(done.out.split())


@pytest.fixture
def slam(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISPLAY", raising=False)
    return lambda *args: called(monkeypatch, capsys, *args)


def error_m(file):
    """Root mean square error of the frames of all runs in a map, aligned as one body."""
    loaded, truth = load_map(file), read_tum(data_dir("datasets") / "demo" / "tum" / "groundtruth.txt")
    keyframes, places = loaded.world.keyframes, loaded.places.values()
    found = np.stack([(keyframes[p.keyframe_id].T_world_cam @ p.T_keyframe_cam)[:3, 3] for p in places])
    nearest = [int(np.abs(truth.stamps_ns - place.stamp_ns).argmin()) for place in places]
    true = truth.T_world_cam[nearest, :3, 3]
    _, T = umeyama(true, found, with_scale=False)
    return float(np.sqrt(np.mean(np.sum((true - found @ T[:3, :3].T - T[:3, 3]) ** 2, 1))))


def submaps(file):
    return {keyframe.submap_id for keyframe in load_map(file).world.keyframes.values()}


def test_two_halves_of_a_recording_become_one_map(halves):
    folder, said = halves
    assert "in one sub-map: b.map was found in a.map at " in said and "landmarks fused, written to both.map" in said
    assert submaps(folder / "both.map") == {0} and len(load_map(folder / "both.map").places) == 180
    halves_m = [error_m(folder / f"{name}.map") for name in "ab"]
    assert error_m(folder / "both.map") < max(halves_m) + 0.002  # m


@pytest.mark.slow
def test_the_whole_recording_is_located_in_the_map_of_both_halves(halves, slam, tmp_path):
    done = slam("run", "demo", "--map", halves[0] / "both.map", "--localize-only", *WITH)
    figures = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert (done.code, figures["tracked"]) == (0, 150) and figures["ate"]["rmse"] < 0.006  # m


@pytest.mark.slow
def test_a_run_goes_on_from_a_merged_map(halves, slam, tmp_path):
    (tmp_path / "c.map").write_bytes((halves[0] / "both.map").read_bytes())
    assert slam("run", "demo", "--map", "c.map", *WITH).code == 0
    figures = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert figures["tracked"] == 150 and figures["ate"]["rmse"] < 0.006  # m
    assert load_map(tmp_path / "c.map").state.runs == 3 and submaps(tmp_path / "c.map") == {0}


def test_merging_again_gives_the_same_map(halves, slam):
    folder, _ = halves
    assert slam("map", "merge", folder / "a.map", folder / "b.map", "again.map").code == 0
    first, again = load_map(folder / "both.map"), load_map(Path("again.map"))
    assert same_map(first.world, again.world) and same_places(first.places, again.places)


def test_an_adjustment_of_what_was_joined_leaves_it_as_true(halves, slam):
    folder, _ = halves
    assert slam("map", "merge", folder / "a.map", folder / "b.map", "c.map", "--final-ba", "30").code == 0
    assert error_m(Path("c.map")) < error_m(folder / "both.map") + 0.001  # m


def test_maps_that_are_not_compared_lie_side_by_side(halves, slam):
    folder, _ = halves
    done = slam("map", "merge", folder / "a.map", folder / "b.map", "c.map", "--set", "loops.close=false")
    assert "in 2 sub-maps, side by side: nothing was compared" in " ".join(done.out.split())
    assert submaps(Path("c.map")) == {0, 1}


@pytest.mark.slow
def test_a_map_of_another_room_lies_beside(halves, slam):
    pytest.importorskip("open3d", reason="OPEN3D NOT INSTALLED: no other room could be rendered")
    assert slam("render", "room", "--seconds", "1", "--seed", "7", "--fps", "8", "--speed", "2").code == 0
    assert slam("run", "tum", "room", "--map", "room.map", *WITH).code == 0
    done = slam("map", "merge", halves[0] / "a.map", "room.map", "c.map")
    assert "in 2 sub-maps, side by side: no place of room.map was recognised in a.map" in " ".join(done.out.split())


def test_maps_of_other_weights_ask_for_them(halves, slam, tmp_path):
    weights = tmp_path / "other.pt"
    weights.write_bytes(b"other weights")
    folder, setting = halves[0], f"features.weights={weights}"
    done = slam("map", "merge", folder / "a.map", folder / "b.map", "c.map", "--set", setting)
    assert done.code == 2 and "other weights of earlybird" in done.err and not (tmp_path / "c.map").exists()


def test_a_kidnapped_camera_is_found_in_a_loaded_map_within_a_second(halves, slam, tmp_path):
    frames = [*range(20), *BLACK, *range(130, 150), *BLACK, *range(60, 80), *BLACK, *range(20, 40)]
    recording = kidnapped_recording(tmp_path / "kidnapped", frames)
    done = slam("run", "tum", recording, "--map", halves[0] / "both.map", "--localize-only", *WITH)
    health = [json.loads(line) for line in (tmp_path / "run" / "health.jsonl").read_text().splitlines()]
    is_found = [row["status"] in ("tracking", "relocalized") for row in health]
    assert done.code == 0 and len(health) == len(frames)
    assert not any(found for found, frame in zip(is_found, frames) if frame is None)
    waited = [is_found[first:].index(True) for first in (0, 40, 80, 120)]
    assert max(waited) < 5  # frames, of the 30 that a second has
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["ate"]["rmse"] < 0.006  # m
