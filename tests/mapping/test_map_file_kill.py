"""A run that is killed at any moment loses one keyframe at most, and leaves a whole map."""

import multiprocessing
import time
from dataclasses import replace

import numpy as np
import pytest
from journalling import journal
from map_lives import ABOUT, DIM, live, lived

from slam.errors import MapError
from slam.mapfile.changes import MapWatch
from slam.mapfile.journal import MapJournal, write_map
from slam.mapfile.reader import load_map, recovered_map
from slam.mapfile.same import same_map, same_places
from slam.mapping.map import Map
from slam.running.map_writer import MapWriter
from slam.tracking.placed import PlacedFrames

SEED = 5
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["journalling"])


class Expected:
    """The map that so many keyframes make, lived beside the process that is killed."""

    def __init__(self):
        self.world, self.placed = Map(DIM), PlacedFrames()

    def at(self, keyframes):
        while self.world.next_keyframe_id < keyframes:
            live(self.world, self.placed, SEED)
        assert self.world.next_keyframe_id == keyframes
        return self.world, self.placed


def killed(file, rng, steps):
    """Let a process journal, kill it at a random moment; what it told last, and whether it was killed in time."""
    here, there = PROCESSES.Pipe()
    process = PROCESSES.Process(target=journal, args=(file, SEED, steps, there))
    process.start()
    there.close()
    heard = []
    until_s = time.monotonic() + float(rng.choice([rng.uniform(0, 0.15), rng.exponential(0.02)]))
    try:
        if rng.random() < 0.9:
            heard.append(here.recv())  # it has begun
        while time.monotonic() < until_s or here.poll():
            if here.poll(max(0.0, until_s - time.monotonic())):
                heard.append(here.recv())
            if time.monotonic() > until_s:
                break
        process.kill()
        while True:
            heard.append(here.recv())
    except EOFError:
        process.join()
    told = [word for word in heard if word != "closed"]
    return told[-1] if told else None, "closed" not in heard


def check_kills(file, kills, steps=12):
    rng, expected, in_time, lost = np.random.default_rng(0), Expected(), 0, []
    before = 0
    for _ in range(kills):
        told, was_killed = killed(file, rng, steps)
        if not file.exists():
            assert told is None
            continue
        loaded = load_map(file)
        found = loaded.world.next_keyframe_id
        lost.append((told or before) - found)
        assert lost[-1] <= 1 and found >= before
        world, placed = expected.at(found)
        assert same_map(loaded.world, world) and same_places(loaded.places, placed.frames)
        in_time, before = in_time + was_killed, found
    assert {path.name.removeprefix(file.name) for path in file.parent.iterdir() if path.name[0] != "."} <= {
        *("", "-wal", "-shm", "-journal")
    }
    return in_time, lost


@pytest.mark.slow
def test_killed_at_any_moment_it_loses_one_keyframe_at_most(tmp_path):
    in_time, _ = check_kills(tmp_path / "map", kills=12)
    assert in_time >= 4


@pytest.mark.slow
def test_killed_two_hundred_times_it_loses_one_keyframe_at_most(tmp_path):
    in_time, lost = check_kills(tmp_path / "map", kills=200)
    assert in_time >= 100 and max(lost) <= 1


def interrupted(file, steps):
    """A file whose journal is still beside it, as a killed run leaves it."""
    write_map(file, ABOUT, Map(DIM), PlacedFrames())
    world, placed, loaded = Map(DIM), PlacedFrames(), load_map(file)
    journal, watch = MapJournal(file, loaded.about, loaded.state), MapWatch(world, placed)
    for _ in range(steps):
        live(world, placed, SEED)
        journal.write(watch.take())
    left = file.read_bytes(), file.with_name(f"{file.name}-wal").read_bytes()
    journal.close()
    return left


def test_a_journal_that_ends_anywhere_leaves_the_map_of_some_step(tmp_path):
    data, wal = interrupted(tmp_path / "map", 10)
    found = []
    for i, size in enumerate(np.random.default_rng(0).integers(0, len(wal) + 1, 25).tolist()):
        file = tmp_path / f"cut{i}"
        file.write_bytes(data)
        (tmp_path / f"cut{i}-wal").write_bytes(wal[:size])
        loaded = load_map(file)
        world, placed = lived(loaded.world.next_keyframe_id, SEED)
        assert same_map(loaded.world, world) and same_places(loaded.places, placed.frames)
        found.append((size, loaded.world.next_keyframe_id))
    assert [keyframes for _, keyframes in sorted(found)] == sorted(keyframes for _, keyframes in found)
    assert max(found)[1] > 5


def test_reading_leaves_an_interrupted_file_as_it_is(tmp_path):
    data, wal = interrupted(tmp_path / "map", 6)
    file = tmp_path / "cut"
    file.write_bytes(data)
    file.with_name("cut-wal").write_bytes(wal)
    assert load_map(file).world.next_keyframe_id == 6
    assert file.read_bytes() == data and file.with_name("cut-wal").read_bytes() == wal


def test_a_journal_beside_another_map_is_noticed(tmp_path):
    _, wal = interrupted(tmp_path / "map", 8)
    world, placed = lived(9, seed=1)
    write_map(tmp_path / "other", replace(ABOUT, map_id="0" * 16), world, placed)
    (tmp_path / "other-wal").write_bytes(wal)
    with pytest.raises(MapError, match=r"rows of two maps; is the journal beside it its own\?"):
        load_map(tmp_path / "other")
    assert same_map(recovered_map(tmp_path / "other").loaded.world, world)


# --- the thread that writes ---


def opened(file):
    write_map(file, ABOUT, Map(DIM), PlacedFrames())
    world, placed, loaded = Map(DIM), PlacedFrames(), load_map(file)
    return world, placed, MapWriter(MapJournal(file, loaded.about, loaded.state), MapWatch(world, placed))


def test_the_writer_writes_what_it_was_given_and_what_came_last(tmp_path):
    world, placed, writer = opened(tmp_path / "map")
    for _ in range(5):
        live(world, placed, SEED)
        writer.record()
    world.count(np.flatnonzero(world.alive), np.zeros(0, np.int64))
    writer.close()
    loaded = load_map(tmp_path / "map")
    assert same_map(loaded.world, world) and same_places(loaded.places, placed.frames)
    assert writer.figures()["steps"] == 6 and writer.notes == []


def test_two_keyframes_at_once_are_safe_when_the_run_goes_on(tmp_path):
    world, placed, writer = opened(tmp_path / "map")
    live(world, placed, SEED)
    live(world, placed, SEED)
    writer.record()
    for path in ("map", "map-wal"):
        (tmp_path / f"copy-{path}").write_bytes((tmp_path / path).read_bytes())
    assert load_map(tmp_path / "copy-map").world.next_keyframe_id == 2
    writer.close()


def test_a_full_disk_ends_the_writing_and_not_the_run_and_is_told(tmp_path):
    world, placed, writer = opened(tmp_path / "map")
    writer._journal._writer.connection.execute("PRAGMA max_page_count = 60")
    for _ in range(30):
        live(world, placed, SEED)
        writer.record()
    writer.close()
    (note,) = writer.notes
    assert "not written to its end" in note and "database or disk is full" in note
    written = load_map(tmp_path / "map").world
    assert 0 < written.next_keyframe_id < 30 and same_map(written, lived(written.next_keyframe_id, SEED)[0])
