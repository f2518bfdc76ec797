"""What people ask at the viewer: each command has its effect, and a replay decides as they did."""

import json
import os
import shutil
import signal
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from command_line import called

from slam.mapfile.reader import load_map
from slam.running import run as running
from slam.running.controls import Controls, stay_open
from slam.running.decisions import read_decisions
from slam.running.feed import SILENCE_S, Fed, realtime_feed
from slam.running.gate import Gate
from slam.running.stopping import StopSignals
from slam.types import Features, Frame, Observation
from slam.viewer.commands import ViewerCommand

PAUSE, GO_ON, RESET, SAVE_MAP, CLOSED = ViewerCommand


class Visitor:
    """A viewer at which somebody asks something after so many frames; remembers what it was shown."""

    is_live = True
    note = address = ""

    def __init__(self, asks=None, on_look=lambda count: None):
        self._asks, self._on_look = asks or {}, on_look
        self.count = 0  # how often the run looked for commands
        self.shown = []

    def show(self, update):
        self.shown.append(dict(update.figures))

    def commands(self):
        self.count += 1
        self._on_look(self.count)
        return self._asks.get(self.count, ())

    def close(self, screenshot=None):
        pass


@pytest.fixture
def slam(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)

    def call(visitor, *args):
        monkeypatch.setattr(running, "opened_viewer", lambda *_: visitor)
        return called(monkeypatch, capsys, *args)

    return call


def controls(visitor, stop=None, said="saved"):
    return Controls(visitor, stop or StopSignals(), lambda: said, lambda: visitor.shown.append("again"))


def health(folder):
    return [json.loads(line) for line in (folder / "health.jsonl").read_text().splitlines()]


def test_a_run_waits_while_it_is_paused_and_tells_how_long():
    visitor = Visitor({1: (PAUSE,), 6: (GO_ON,)})
    asking = controls(visitor)
    start_s = time.perf_counter()
    assert asking.asked() == (PAUSE, GO_ON)
    waited_s = time.perf_counter() - start_s
    assert visitor.count == 6
    assert 0.05 < asking.paused_s <= waited_s
    assert not asking.gate.excuses(0.0)  # open again


def test_a_map_can_be_saved_during_a_pause_and_the_viewer_hears_of_it():
    visitor = Visitor({1: (PAUSE,), 3: (SAVE_MAP,), 4: (RESET,), 5: (GO_ON,)})
    asking = controls(visitor, said="map saved")
    assert asking.asked() == (PAUSE, SAVE_MAP, RESET, GO_ON)
    assert asking.said == "map saved"
    assert visitor.shown == ["again"] * 3


@pytest.mark.parametrize("last", [(CLOSED,), (GO_ON, PAUSE, GO_ON)])
def test_a_viewer_that_is_gone_cannot_hold_a_run(last):
    assert controls(Visitor({1: (PAUSE,), 2: last})).asked() == (PAUSE, *last)


def test_ctrl_c_ends_a_pause():
    with StopSignals() as stop:
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        assert controls(Visitor({1: (PAUSE,)}), stop).asked() == (PAUSE,)
        assert stop.is_heard


@pytest.mark.parametrize("ends_by", ["closing", "Ctrl-C"])
def test_a_viewer_that_stays_is_ended_by_its_user(ends_by):
    visitor = Visitor({3: (CLOSED,)} if ends_by == "closing" else {})
    with StopSignals() as stop:
        if ends_by == "Ctrl-C":
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        stay_open(visitor, stop)
    assert visitor.count == 3 or ends_by == "Ctrl-C"


def test_a_viewer_that_stays_does_so_with_everything_written(slam, tmp_path):
    written = {}
    visitor = Visitor({9: (CLOSED,)}, lambda count: written.update({count: (tmp_path / "o" / "summary.json").exists()}))
    done = slam(visitor, "run", "demo", "--max-frames", "6", "--out", "o", "--viewer-stay")
    assert done.code == 0 and "the viewer stays until Ctrl-C" in done.out
    assert written == {count: count > 6 for count in range(1, 10)}


class Nothing:
    """Observes no features."""

    def observe(self, frame):
        none = np.zeros((0, 2), np.float32)
        features = Features(none, none[:, 0], np.zeros((0, 8), np.float32), (4, 4))
        return Observation(frame.stamp_ns, features, none, none[:, 0], none[:, 0])


def test_a_recording_in_real_time_waits_at_the_gate_and_its_silence_is_excused():
    frames = [Frame(i, i * 20_000_000, np.zeros((4, 4), np.uint8)) for i in range(6)]
    gate = Gate()
    feed = realtime_feed(frames, Nothing(), gate=gate)
    arrived: list[Fed] = [next(feed), next(feed)]
    gate.close()
    time.sleep(SILENCE_S + 0.3)
    gate.open()
    arrived += feed
    assert [fed.frame.index for fed in arrived] == [0, 1, 2, 3, 4, 5]
    late_s = np.diff([fed.arrived_s for fed in arrived])
    assert late_s.max() > 2.0
    assert np.sort(late_s)[-2] < 0.5  # s: after the pause, at the old pace again


def test_after_a_reset_a_new_map_begins_and_is_never_joined_with_the_old_one(slam, tmp_path):
    visitor = Visitor({15: (RESET,)})
    assert slam(visitor, "run", "demo", "--max-frames", "45", "--out", "out").code == 0
    submaps = [record["submap_id"] for record in health(tmp_path / "out")]
    begun = submaps.index(1)
    assert 15 <= begun <= 30
    assert submaps == [0] * begun + [1] * (45 - begun)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["info"]["loops"]["joined"] == 0
    assert any("sub-maps that never met" in note for note in summary["notes"])
    assert visitor.shown[-1]["asked"] == "a new map begins"


def test_a_map_that_may_not_grow_is_not_begun_anew(slam, tmp_path):
    assert slam(Visitor(), "run", "demo", "--max-frames", "10", "--out", "a", "--map", "m.slam").code == 0
    visitor = Visitor({3: (RESET,)})
    args = ("--max-frames", "8", "--out", "b", "--map", "m.slam", "--localize-only")
    assert slam(visitor, "run", "demo", *args).code == 0
    assert {record["submap_id"] for record in health(tmp_path / "b")} == {0}
    assert visitor.shown[-1]["asked"] == "no new map: the map stays as it is"


def test_a_saved_map_is_there_at_once_in_both_files(slam, tmp_path):
    seen = {}

    def look(count):
        seen[count] = (tmp_path / "out" / "map.ply").is_file()
        if count == 9:
            time.sleep(0.5)  # s: the map file's thread
            copied = tmp_path / "copied"  # a run holds its own
            copied.mkdir()
            for part in tmp_path.glob("m.slam*"):
                shutil.copy(part, copied)
            seen["keyframes"] = len(load_map(copied / "m.slam").world.keyframes)

    visitor = Visitor({8: (SAVE_MAP,)}, look)
    assert slam(visitor, "run", "demo", "--max-frames", "12", "--out", "out", "--map", "m.slam").code == 0
    assert (seen[8], seen[9]) == (False, True)
    assert seen["keyframes"] >= 1
    assert visitor.shown[-1]["asked"] == "map saved: map.ply"


def test_a_map_that_cannot_be_saved_does_not_end_the_run(slam, tmp_path):
    in_the_way = tmp_path / "out" / "map.ply"
    visitor = Visitor({3: (SAVE_MAP,)}, lambda count: {3: in_the_way.mkdir, 4: in_the_way.rmdir}.get(count, int)())
    assert slam(visitor, "run", "demo", "--max-frames", "6", "--out", "out").code == 0
    assert visitor.shown[-1]["asked"].startswith("map not saved: ")
    assert in_the_way.is_file()  # written at the end, as ever


def test_a_frame_that_waited_through_a_pause_is_not_late(slam, tmp_path):
    visitor = Visitor({5: (PAUSE,), 80: (GO_ON,)})  # at least 1.5 s
    assert slam(visitor, "run", "demo", "--realtime", "--max-frames", "20", "--out", "out").code == 0
    assert max(record["latency_ms"] for record in health(tmp_path / "out")) < 1200


def test_a_pause_is_no_part_of_the_speed(slam, tmp_path):
    visitor = Visitor({5: (PAUSE,), 80: (GO_ON,)})  # at least 1.5 s
    assert slam(visitor, "run", "demo", "--max-frames", "8", "--out", "out").code == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    frames_s = sum(record["total_ms"] for record in health(tmp_path / "out")) / 1e3
    assert summary["duration_s"] < frames_s + 0.5


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["rgbd", "mono"])
def test_a_replay_begins_anew_where_the_run_did(slam, tmp_path, mode):
    args = ("--mode", mode, "--realtime", "--max-frames", "90", "--record", "tape", "--out", "live")
    assert slam(Visitor({12: (PAUSE,), 14: (RESET, SAVE_MAP), 16: (GO_ON,)}), "run", "demo", *args).code == 0
    recorded = [decided.commands for decided in read_decisions(tmp_path / "tape")]
    assert recorded[11] == ("pause", "reset", "save map", "go on")
    done = slam(Visitor({5: (RESET,)}), "replay", "tape", "--out", "again")  # a replay is not asked
    assert (done.code, done.err) == (0, "")
    for name in ("trajectory.txt", "trajectory_causal.txt", "map.ply"):
        assert (tmp_path / "live" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    assert {record["submap_id"] for record in health(tmp_path / "again")} == {0, 1}


def test_decisions_of_older_recordings_have_no_commands(tmp_path):
    line = {"index": 0, "stamp_ns": 5, "dropped": 0, "polls": [None], "layers": [], "idle": True}
    (tmp_path / "decisions.jsonl").write_text(json.dumps(line) + "\n")
    (decided,) = read_decisions(tmp_path)
    assert decided.commands == ()
    assert replace(decided, commands=("reset",)) != decided
