"""Runs that keep a map: killed, gone on with, located in, refused; through the real command line."""

import json
import os
import signal
import time

import numpy as np
import pytest
from command_line import answer, called, called_in, start

from slam.mapfile.reader import load_map
from slam.mapfile.told import compared_with_health

FRAMES = ("--viewer", "none")


@pytest.fixture
def slam(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISPLAY", raising=False)
    return lambda *args: called(monkeypatch, capsys, *args)


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    """A folder with the map of the demo's first 60 frames, and the run's summary."""
    folder = tmp_path_factory.mktemp("mapped")
    done = called_in(folder, "run", "demo", "--max-frames", 60, *FRAMES, "--map", "a.map", "--out", "run")
    assert (done.code, done.err) == (0, "")
    return folder, json.loads((folder / "run" / "summary.json").read_text())


def killed_run(folder, number, seconds):
    """A run of the whole program with a map, killed so long after its first frame; its map file and its health."""
    file, out = folder / "a.map", folder / f"run{number}"
    process = start(folder, "run", "demo", *FRAMES, "--map", file, "--out", out)
    health, end = out / "health.jsonl", time.monotonic() + 60
    while not (health.is_file() and health.stat().st_size):
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.01)
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGKILL)
    answer(process, 30)
    return file, health


def check_kills(folder, kills):
    """Kill so many runs, each of which goes on with the map of those before."""
    rng, told_of = np.random.default_rng(0), 0
    for number in range(kills):
        file, health = killed_run(folder, number, float(rng.uniform(0.0, 2.0)))
        told = compared_with_health(load_map(file), health)
        assert len(told.lost_keyframes) <= 1 and told.lost_stamps_ns == ()
        told_of += told.keyframes
    assert told_of > 0  # some run came far enough to make a keyframe


def test_a_killed_program_loses_one_keyframe_at_most(tmp_path):
    check_kills(tmp_path, kills=3)


@pytest.mark.slow
def test_many_killed_programs_lose_one_keyframe_at_most_each(tmp_path):
    check_kills(tmp_path, kills=60)


def test_a_map_is_listed_and_found_sound(mapped, slam):
    folder, figures = mapped
    listed, checked = slam("map", "info", folder / "a.map"), slam("map", "check", folder / "a.map")
    assert (listed.code, checked.code) == (0, 0)
    assert f"{figures['keyframes']}" in listed.out and "sound" in " ".join(checked.out.split())


def test_a_camera_is_located_in_a_map_that_stays_as_it_was(mapped, slam, tmp_path):
    file = mapped[0] / "a.map"
    before = file.read_bytes()
    done = slam("run", "demo", "--max-frames", "20", *FRAMES, "--map", file, "--localize-only", "--out", "run")
    figures = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert (done.code, done.err, figures["tracked"]) == (0, "", 20)
    assert figures["keyframes"] == mapped[1]["keyframes"] and file.read_bytes() == before
    assert figures["ate"]["rmse"] < 0.010  # m


def test_a_run_goes_on_from_a_map_and_adds_to_it(mapped, slam, tmp_path):
    file = tmp_path / "b.map"
    file.write_bytes((mapped[0] / "a.map").read_bytes())
    assert slam("run", "demo", *FRAMES, "--map", file, "--out", "run").code == 0
    figures = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert figures["tracked"] == figures["frames"] == 150 and figures["ate"]["rmse"] < 0.010  # m
    again = load_map(file)
    assert len(again.world.keyframes) == figures["keyframes"] >= mapped[1]["keyframes"] and again.state.runs == 2


@pytest.mark.parametrize(
    ("damage", "words"),
    [(lambda data: data[: len(data) // 2], "can be recovered"), (lambda data: b"no map" * 100, "map")],
)
def test_a_damaged_map_is_one_clear_sentence(mapped, slam, tmp_path, damage, words):
    file = tmp_path / "c.map"
    file.write_bytes(damage((mapped[0] / "a.map").read_bytes()))
    done = slam("run", "demo", *FRAMES, "--map", file)
    assert done.code == 2 and words in done.err and done.err.count("\n") == 1


def test_what_a_truncated_map_still_holds_is_recovered_into_a_sound_one(mapped, slam, tmp_path):
    data = (mapped[0] / "a.map").read_bytes()
    (tmp_path / "c.map").write_bytes(data[: 3 * len(data) // 4])
    slam("map", "check", "c.map", "--recover", "d.map")
    assert "sound" in " ".join(slam("map", "check", "d.map").out.split())
    assert 0 < len(load_map(tmp_path / "d.map").world.keyframes) <= mapped[1]["keyframes"]


def test_a_run_that_goes_on_from_a_map_is_not_recorded(mapped, slam):
    done = slam("run", "demo", *FRAMES, "--map", mapped[0] / "a.map", "--record", "tape")
    assert done.code == 2 and "can't be replayed" in done.err
