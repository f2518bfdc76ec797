"""A map file holds the map that was written, step by step or at once, and says what does not fit."""

import sqlite3
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from map_lives import ABOUT, DIM, live, lived
from synthetic_world import RIG

from slam.camera import Camera, Rig
from slam.errors import MapError
from slam.mapfile.about import MapAbout, check_fits
from slam.mapfile.changes import MapWatch
from slam.mapfile.journal import MapJournal, empty_state, write_map
from slam.mapfile.reader import load_map
from slam.mapfile.ruin import rows_in
from slam.mapfile.same import same_map, same_places
from slam.mapping.map import Map
from slam.tracking.placed import PlacedFrames
from slam.types import Mode


@pytest.fixture
def file(tmp_path):
    return tmp_path / "a map.map"


def begun(file):
    """A file with an empty map, open to be written."""
    write_map(file, ABOUT, Map(DIM), PlacedFrames())
    loaded = load_map(file)
    return MapJournal(file, loaded.about, loaded.state)


def journalled(file, steps, seed=0):
    """A map that lived so many steps, and its file, which took every one of them."""
    journal, world, placed = begun(file), Map(DIM), PlacedFrames()
    watch = MapWatch(world, placed)
    for _ in range(steps):
        live(world, placed, seed)
        journal.write(watch.take())
    journal.close()
    return world, placed


def rows(file):
    """Kind, id and payload of every row but the state."""
    with closing(sqlite3.connect(file)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema") if name != "state"]
        found = [(t, i, row[49:]) for t in tables for i, row in connection.execute(f"SELECT id, row FROM {t}")]
    return sorted(found)


def whole_rows(file):
    return list(rows_in(file.read_bytes()))


# --- what was written is what is read ---


def test_a_map_written_at_once_is_read_to_the_bit(file):
    world, placed = lived(20)
    write_map(file, ABOUT, world, placed, runs=3)
    loaded = load_map(file)
    assert same_map(world, loaded.world) and same_places(placed.frames, loaded.places)
    assert loaded.about == ABOUT and loaded.state.runs == 3
    assert (loaded.state.keyframes, loaded.state.landmarks) == (len(world.keyframes), world.num_alive)


def test_an_empty_map_is_a_map(file):
    write_map(file, ABOUT, Map(DIM), PlacedFrames())
    loaded = load_map(file)
    assert not loaded.world.keyframes and loaded.world.descriptors.shape[1] == DIM and not loaded.places


def test_descriptors_are_rounded_to_float16_and_stay_so(file, tmp_path):
    world, placed = lived(3)
    world.descriptors += 1e-5
    write_map(file, ABOUT, world, placed)
    loaded = load_map(file)
    alive = np.flatnonzero(world.alive)
    np.testing.assert_allclose(loaded.world.descriptors[alive], world.descriptors[alive], atol=5e-4)
    assert not np.array_equal(loaded.world.descriptors[alive], world.descriptors[alive])
    write_map(tmp_path / "again.map", ABOUT, loaded.world, loaded.placed())
    assert same_map(load_map(tmp_path / "again.map").world, loaded.world)


def test_a_journal_says_the_same_as_a_map_written_at_once(file, tmp_path):
    world, placed = journalled(file, 25)
    assert len(world.loops) > 2 and len(world.keyframes) < 25  # loops closed, keyframes left
    write_map(tmp_path / "whole.map", ABOUT, world, placed)
    assert rows(file) == rows(tmp_path / "whole.map")
    assert same_map(world, load_map(file).world)


def test_every_step_of_a_journal_can_be_read_when_it_is_written(tmp_path):
    for steps in (1, 2, 9):
        world, placed = journalled(tmp_path / f"{steps}.map", steps)
        loaded = load_map(tmp_path / f"{steps}.map")
        assert same_map(world, loaded.world) and same_places(placed.frames, loaded.places)


def test_another_run_goes_on_where_the_first_one_ended(file):
    journalled(file, 10)
    loaded = load_map(file)
    world, placed = loaded.world, loaded.placed()
    journal, watch = MapJournal(file, loaded.about, loaded.state), MapWatch(world, placed, known=world)
    first = watch.take()
    assert first.new_keyframes == 0 and len(first.blocks.ids) == 0 and not first.frames and first.loops is None
    for _ in range(8):
        live(world, placed, 0)
        journal.write(watch.take())
    journal.close()
    again, (expected, frames) = load_map(file), lived(18)
    assert same_map(again.world, expected) and same_places(again.places, frames.frames)
    assert again.state.runs == 2 and {place.run for place in again.places.values()} == {0, 1}


def test_at_rest_a_map_is_one_file(file):
    journalled(file, 4)
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_step_in_which_nothing_happened_rewrites_nothing_but_the_state(file):
    journal, (world, placed) = begun(file), lived(6)
    watch = MapWatch(world, placed)
    journal.write(watch.take())
    world.changed[:] = True
    journal.write(watch.take())
    journal.close()
    ages = {row.age for row in whole_rows(file) if row.kind.table not in ("state", "about")}
    assert ages == {2} and load_map(file).state.age == 3


def test_nothing_that_left_the_map_is_left_in_the_file(file):
    journalled(file, 60)
    with closing(sqlite3.connect(file)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema")]
        live_rows = sum(connection.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in tables)
    assert len(whole_rows(file)) == live_rows


def test_a_step_that_fails_leaves_the_file_as_it_was(file):
    journal, (world, placed) = begun(file), lived(3)
    watch = MapWatch(world, placed)
    journal.write(watch.take())
    live(world, placed, 0)
    changes = watch.take()
    with pytest.raises(AttributeError):
        journal.write(replace(changes, loops=(None,)))
    journal.write(changes)
    journal.close()
    assert same_map(load_map(file).world, world)


# --- what does not fit ---


def test_a_missing_file_is_an_error_of_one_sentence(file):
    with pytest.raises(MapError, match=r"a map\.map: cannot be read \(No such file or directory\); check the path$"):
        load_map(file)


def test_a_whole_map_replaces_nobodys_file(file):
    file.write_text("dear diary")
    with pytest.raises(MapError, match="exists already"):
        write_map(file, ABOUT, Map(DIM), PlacedFrames())
    assert file.read_text() == "dear diary" and len(list(file.parent.iterdir())) == 1


@pytest.mark.parametrize("content", [b"", b"dear diary" * 1000, b"SQLite format 3\0", b"\0" * 20000])
def test_something_else_is_not_a_map(file, content):
    file.write_bytes(content)
    with pytest.raises(MapError, match="is not a map that can be read"):
        load_map(file)
    assert file.read_bytes() == content


def test_another_programs_database_is_not_a_map(file):
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE keyframes (id INTEGER PRIMARY KEY, row TEXT)")
        connection.commit()
    with pytest.raises(MapError, match="its beginning is not that of a map"):
        load_map(file)


def test_a_later_format_is_named(file):
    write_map(file, ABOUT, Map(DIM), PlacedFrames())
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 7")
    with pytest.raises(MapError, match="it is of format 7, and this program reads format 1"):
        load_map(file)


def test_a_file_is_written_by_one_run_at_a_time_and_not_read_meanwhile(file):
    journal = begun(file)
    with pytest.raises(MapError, match="another run is writing it"):
        load_map(file)
    with pytest.raises(MapError, match="another run is writing it"):
        MapJournal(file, ABOUT, empty_state(0))
    journal.close()
    assert not load_map(file).world.keyframes


def test_a_read_only_folder_is_no_obstacle_to_reading(file):
    journalled(file, 3)
    file.chmod(0o444)
    file.parent.chmod(0o555)
    try:
        assert len(load_map(file).world.keyframes) == 3
    finally:
        file.parent.chmod(0o755)


OTHER_CAMERA = Rig("other", Camera(640, 480, 501.0, 505.0, 322.0, 238.0), depth_baseline_m=0.1)
OTHER_LENS = Rig("lens", Camera(640, 480, 500.0, 505.0, 322.0, 238.0, "radtan", (0.1, 0, 0, 0)), depth_baseline_m=0.1)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (("sift", "", 128, Mode.RGBD, RIG), "add --features sift"),
        (("earlybird", "1" * 64, DIM, Mode.RGBD, RIG), "other weights of earlybird"),
        (("earlybird", "0" * 64, DIM, Mode.STEREO, RIG), "add --mode stereo"),
        (("earlybird", "0" * 64, DIM, Mode.RGBD, OTHER_CAMERA), "fx 501.* than this run's .*fx 500"),
    ],
)
def test_a_map_of_something_else_says_what_to_do(file, found, words):
    with pytest.raises(MapError, match=words):
        check_fits(file, MapAbout.of_run(*found), ABOUT)


def test_a_map_fits_whatever_lens_it_was_made_with(file):
    check_fits(file, MapAbout.of_run("earlybird", "0" * 64, DIM, Mode.RGBD, OTHER_LENS), ABOUT)
