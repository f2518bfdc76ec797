"""Whatever happens to a map file, it loads as it was or is an error; and what is recovered was in the map."""

import sqlite3
from contextlib import closing

import numpy as np
import pytest
from map_lives import ABOUT, DIM, live

from slam.errors import MapError
from slam.evaluation.faults_damage import KINDS, PAGE
from slam.evaluation.faults_files import GOOD, UNHARMED, damaged_files
from slam.mapfile.changes import MapWatch
from slam.mapfile.journal import MapJournal, write_map
from slam.mapfile.reader import load_map, recovered_map
from slam.mapfile.row import Kind, Row, opened, sealed
from slam.mapfile.same import is_part_of
from slam.mapping.map import Map
from slam.tracking.placed import PlacedFrames


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A map file that a run of forty keyframes wrote."""
    file, world, placed = tmp_path_factory.mktemp("sound") / "map", Map(DIM), PlacedFrames()
    write_map(file, ABOUT, world, placed)
    loaded = load_map(file)
    journal, watch = MapJournal(file, loaded.about, loaded.state), MapWatch(world, placed)
    for _ in range(40):
        live(world, placed, 0)
        journal.write(watch.take())
    journal.close()
    return file


def check_damages(folder, file, seeds):
    """The shares of files that were refused, and of keyframes that are still there; on the way, that all is well."""
    found = list(damaged_files(file, folder, seeds))
    assert [one for one in found if one.verdict not in GOOD] == []
    return np.mean([one.verdict != UNHARMED for one in found]), np.mean([one.keyframes / one.whole for one in found])


def test_damage_of_every_kind_is_found_and_what_is_whole_recovered(tmp_path, sound):
    noticed, kept = check_damages(tmp_path, sound, range(3 * len(KINDS)))
    assert noticed > 0.8 and kept > 0.6


@pytest.mark.slow
def test_a_thousand_damaged_files_are_noticed_or_unharmed(tmp_path, sound):
    noticed, kept = check_damages(tmp_path, sound, range(1000, 2000))
    assert noticed > 0.8 and kept > 0.6


def test_every_bit_of_a_row_counts():
    row = Row(Kind.KEYFRAMES, ABOUT.map_bytes, 7, 3, b"something that was measured")
    blob = sealed(row)
    assert opened(blob) == row
    for bit in range(8 * len(blob)):
        changed = bytearray(blob)
        changed[bit // 8] ^= 1 << bit % 8
        assert opened(bytes(changed)) is None
    assert opened(blob[:-1]) is None and opened(blob + b"x") is None


def test_an_older_row_in_place_of_a_newer_one_is_noticed(tmp_path, sound):
    file, older = tmp_path / "map", tmp_path / "older"
    file.write_bytes(sound.read_bytes())
    world, placed = Map(DIM), PlacedFrames()
    for _ in range(39):
        live(world, placed, 0)
    write_map(older, ABOUT, world, placed)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("ATTACH ? AS older", (str(older),))
        connection.execute("UPDATE keyframes SET row = (SELECT row FROM older.keyframes WHERE id = 38) WHERE id = 38")
        connection.commit()
    with pytest.raises(MapError, match="rows are missing, old, or too many"):
        load_map(file)


def test_the_error_says_what_can_be_recovered_and_how(tmp_path, sound):
    data, whole = sound.read_bytes(), load_map(sound)
    file = tmp_path / "map"
    file.write_bytes(b"\0" * PAGE + data[PAGE:])
    count, landmarks = len(whole.world.keyframes), whole.world.num_alive
    words = f"{count} of {count} keyframes and .* of {landmarks} landmarks can be recovered; write them to a new file"
    with pytest.raises(MapError, match=rf"{words} with: slam map check {file} --recover NEW$"):
        load_map(file)
    found = recovered_map(file).loaded
    assert is_part_of(found, whole) and list(found.world.keyframes) == list(whole.world.keyframes)
    seen = whole.world.alive & (whole.world.observations > 0)
    assert found.world.num_alive == seen.sum() and len(found.places) == len(whole.places)


def test_one_keyframe_says_what_map_it_is_of(tmp_path, sound):
    data, whole = sound.read_bytes(), load_map(sound)
    file = tmp_path / "map"
    about_at, state_at = data.index(b"EBm\x01\x01"), data.index(b"EBm\x01\x02")
    lost = bytearray(data)
    lost[:PAGE] = bytes(PAGE)
    lost[about_at : about_at + 100] = lost[state_at : state_at + 100] = bytes(100)
    file.write_bytes(lost)
    found = recovered_map(file).loaded
    assert found.about == whole.about and list(found.world.keyframes) == list(whole.world.keyframes)
    assert found.world.next_keyframe_id == whole.world.next_keyframe_id
