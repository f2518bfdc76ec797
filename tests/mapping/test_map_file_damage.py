"""Whatever happens to a map file, it loads as it was or is an error; and what is recovered was in the map."""

import sqlite3
from contextlib import closing

import numpy as np
import pytest
from map_lives import ABOUT, DIM, live, same_arrays, same_keyframe, same_loop, same_map, same_places

from slam.errors import MapError
from slam.mapfile.changes import MapWatch
from slam.mapfile.journal import MapJournal, write_map
from slam.mapfile.payload import LOOKS, PLACES
from slam.mapfile.reader import load_map, recovered_map
from slam.mapfile.row import Kind, Row, opened, sealed
from slam.mapping.map import Map
from slam.tracking.placed import PlacedFrames

PAGE = 4096
TABLES = ("about", "state", "views", "keyframes", "landmarks", "descriptors", "loops", "frames")


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """The bytes of a map file that a run of forty keyframes wrote, and the map in it."""
    file, world, placed = tmp_path_factory.mktemp("sound") / "map", Map(DIM), PlacedFrames()
    write_map(file, ABOUT, world, placed)
    loaded = load_map(file)
    journal, watch = MapJournal(file, loaded.about, loaded.state), MapWatch(world, placed)
    for _ in range(40):
        live(world, placed, 0)
        journal.write(watch.take())
    journal.close()
    return file.read_bytes(), load_map(file)


# --- what may happen to a file: each takes its bytes and says what became of them ---


def flipped_bits(data, rng):
    at = rng.integers(0, len(data), rng.integers(1, 4))
    data[at] ^= 1 << rng.integers(0, 8, len(at)).astype(np.uint8)
    return data


def flipped_bits_of_the_first_page(data, rng):
    data[:200] = flipped_bits(data[:200].copy(), rng)
    return data


def truncated(data, rng):
    return data[: rng.integers(0, len(data))]


def truncated_to_pages(data, rng):
    return data[: rng.integers(0, len(data) // PAGE) * PAGE]


def block(data, rng):
    begin = int(rng.integers(0, len(data)))
    return slice(begin, begin + int(rng.choice([1, 16, 300, PAGE, 10 * PAGE])))


def zeroed(data, rng):
    data[block(data, rng)] = 0
    return data


def zeroed_pages(data, rng):
    pages = data.reshape(-1, PAGE)
    pages[rng.integers(0, len(pages), rng.integers(1, 12))] = 0
    return data


def without_its_beginning(data, rng):
    data[: int(rng.integers(1, 20)) * PAGE] = 0
    return data


def overwritten(data, rng):
    where = block(data, rng)
    data[where] = rng.integers(0, 256, len(data[where]), np.uint8)
    return data


def with_pages_swapped(data, rng):
    pages = data.reshape(-1, PAGE)
    a, b = rng.integers(0, len(pages), 2)
    pages[[a, b]] = pages[[b, a]]
    return data


def with_a_page_of_another(data, rng):
    pages = data.reshape(-1, PAGE)
    a, b = rng.integers(0, len(pages), 2)
    pages[a] = pages[b]
    return data


def with_bytes_moved(data, rng):
    at = int(rng.integers(0, len(data)))
    return np.delete(data, at) if rng.random() < 0.5 else np.insert(data, at, 7)


def longer(data, rng):
    return np.concatenate([data, rng.integers(0, 256, rng.integers(1, 3 * PAGE), np.uint8)])


def cell(connection, rng):
    table = str(rng.choice(TABLES))
    ids = [row_id for (row_id,) in connection.execute(f"SELECT id FROM {table}")]
    return table, int(rng.choice(ids))


def row_deleted(connection, rng):
    table, row_id = cell(connection, rng)
    connection.execute(f"DELETE FROM {table} WHERE id = ?", (row_id,))


def table_emptied(connection, rng):
    connection.execute(f"DELETE FROM {rng.choice(TABLES)}")


def table_dropped(connection, rng):
    connection.execute(f"DROP TABLE {rng.choice(TABLES)}")


def row_doubled(connection, rng):
    table, row_id = cell(connection, rng)
    connection.execute(
        f"INSERT INTO {table} SELECT max(id) + 1, (SELECT row FROM {table} WHERE id = ?) FROM {table}", (row_id,)
    )


def row_edited(connection, rng):
    table, row_id = cell(connection, rng)
    (blob,) = connection.execute(f"SELECT row FROM {table} WHERE id = ?", (row_id,)).fetchone()
    edited = bytearray(blob)
    edited[rng.integers(0, len(blob))] ^= int(rng.integers(1, 256))
    connection.execute(f"UPDATE {table} SET row = ? WHERE id = ?", (bytes(edited), row_id))


def row_replaced(connection, rng):
    table, row_id = cell(connection, rng)
    value = [b"", "text", 7, 1.5, b"\0" * 5000, "\ud800".encode("utf-8", "surrogatepass")][rng.integers(6)]
    connection.execute(f"UPDATE {table} SET row = ? WHERE id = ?", (value, row_id))


def rows_swapped(connection, rng):
    (table, a), (other, b) = cell(connection, rng), cell(connection, rng)
    (first,) = connection.execute(f"SELECT row FROM {table} WHERE id = ?", (a,)).fetchone()
    (second,) = connection.execute(f"SELECT row FROM {other} WHERE id = ?", (b,)).fetchone()
    connection.execute(f"UPDATE {table} SET row = ? WHERE id = ?", (second, a))
    connection.execute(f"UPDATE {other} SET row = ? WHERE id = ?", (first, b))


def row_renumbered(connection, rng):
    table, row_id = cell(connection, rng)
    connection.execute(f"UPDATE {table} SET id = ? WHERE id = ?", (int(rng.integers(-5, 2**40)), row_id))


def version_changed(connection, rng):
    connection.execute(f"PRAGMA {rng.choice(['user_version', 'application_id'])} = {rng.integers(2, 99)}")


DAMAGES = (
    *(flipped_bits, flipped_bits_of_the_first_page, truncated, truncated_to_pages, zeroed, zeroed_pages),
    *(without_its_beginning, overwritten, with_pages_swapped, with_a_page_of_another, with_bytes_moved, longer),
)
EDITS = (
    *(row_deleted, table_emptied, table_dropped, row_doubled, row_edited, row_replaced, rows_swapped),
    *(row_renumbered, version_changed),
)


def damage(file, data, seed):
    """Let one thing happen to a file."""
    rng = np.random.default_rng(seed)
    happens = (DAMAGES + EDITS)[seed % len(DAMAGES + EDITS)]
    if happens in DAMAGES:
        file.write_bytes(happens(np.frombuffer(data, np.uint8).copy(), rng).tobytes())
        return
    file.write_bytes(data)
    with closing(sqlite3.connect(file)) as connection:
        happens(connection, rng)
        connection.commit()


def is_part_of(part, whole):
    """Whether everything in a map is in another one, and the same there."""
    a, b = part.world, whole.world
    alive = np.flatnonzero(a.alive[: a.num_landmarks])
    return (
        a.keyframes.keys() <= b.keyframes.keys()
        and all(is_keyframe_of(k, b.keyframes[i]) for i, k in a.keyframes.items())
        and b.alive[alive].all()
        and all(same_arrays(getattr(a, n)[alive], getattr(b, n)[alive]) for n, _, _ in (*PLACES, *LOOKS))
        and all(any(same_loop(x, y) for y in b.loops) for x in a.loops)
        and same_places(part.places, {n: whole.places[n] for n in part.places})
    )


def is_keyframe_of(part, whole):
    lost = part.landmark_ids < 0
    with_losses = type(whole)(
        *(whole.keyframe_id, whole.frame_index, whole.observation, whole.T_world_cam),
        np.where(lost, -1, whole.landmark_ids),
        *(whole.submap_id, whole.imu, whole.velocity_world, whole.bias),
    )
    return same_keyframe(part, with_losses)


def check_damage(folder, sound, seed):
    """Whether damage was found, and how many keyframes could be recovered."""
    data, whole = sound
    file, new = folder / "map", folder / "new"
    damage(file, data, seed)
    before = file.read_bytes()
    try:
        loaded = load_map(file)
    except MapError as error:
        assert "\n" not in str(error) and str(file) in str(error)
        left = check_recovery(file, new, whole)
        assert file.read_bytes() == before
        return True, left
    assert same_map(loaded.world, whole.world) and same_places(loaded.places, whole.places)
    assert loaded.about == whole.about and loaded.state == whole.state and recovered_map(file) is None
    return False, len(whole.world.keyframes)


def check_recovery(file, new, whole):
    try:
        found = recovered_map(file).loaded
    except MapError as error:
        assert "nothing in it can be recovered" in str(error)
        return 0
    assert is_part_of(found, whole)
    new.unlink(missing_ok=True)
    write_map(new, found.about, found.world, found.placed(), found.state.runs)
    again = load_map(new)
    assert same_map(again.world, found.world) and same_places(again.places, found.places)
    return len(found.world.keyframes)


def check_damages(folder, sound, seeds):
    results = np.array([check_damage(folder, sound, seed) for seed in seeds])
    return results[:, 0].mean(), results[:, 1].mean() / len(sound[1].world.keyframes)


def test_damage_of_every_kind_is_found_and_what_is_whole_recovered(tmp_path, sound):
    noticed, kept = check_damages(tmp_path, sound, range(3 * len(DAMAGES + EDITS)))
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
    data, _ = sound
    file, older = tmp_path / "map", tmp_path / "older"
    file.write_bytes(data)
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
    data, whole = sound
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
    data, whole = sound
    file = tmp_path / "map"
    about_at, state_at = data.index(b"EBm\x01\x01"), data.index(b"EBm\x01\x02")
    lost = bytearray(data)
    lost[:PAGE] = bytes(PAGE)
    lost[about_at : about_at + 100] = lost[state_at : state_at + 100] = bytes(100)
    file.write_bytes(lost)
    found = recovered_map(file).loaded
    assert found.about == whole.about and list(found.world.keyframes) == list(whole.world.keyframes)
    assert found.world.next_keyframe_id == whole.world.next_keyframe_id
