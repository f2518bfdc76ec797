"""The downloader against a server of our own: ranges, cuts, changes, refusals, sums."""

import hashlib
import json
import threading

import numpy as np
import pytest

from slam.datasets import download
from slam.datasets.download import DownloadError, Patience, fetch, fetch_text

DATA = np.random.default_rng(0).bytes(1_000_000)
SHA256, MD5 = hashlib.sha256(DATA).hexdigest(), hashlib.md5(DATA).hexdigest()
QUICK = Patience(attempts=3, wait_s=0.001, timeout_s=5.0)
ONCE = Patience(attempts=1)
SPLIT = Patience(attempts=3, wait_s=0.001, big=100_000)


@pytest.fixture
def address(server):
    server.files["data.zip"] = DATA
    return server.address("data.zip")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data.zip"


def names(path):
    return sorted(file.name for file in path.parent.iterdir())


@pytest.mark.parametrize("digest", ["", SHA256, MD5, MD5.upper()])
def test_a_file_comes_whole_and_leaves_nothing_beside_it(address, path, digest):
    seen = []
    fetch(address, path, lambda done, total: seen.append((done, total)), digest, QUICK)
    assert path.read_bytes() == DATA
    assert seen[-1] == (len(DATA), len(DATA))
    assert names(path) == ["data.zip"]


def test_a_big_file_comes_in_several_ranges_at_once(server, address, path):
    fetch(address, path, digest=SHA256, patience=SPLIT)
    assert path.read_bytes() == DATA
    assert set(server.asked) == {None, "bytes=250000-499999", "bytes=500000-749999", "bytes=750000-"}


def test_ranges_that_are_cut_are_taken_up_each_where_it_ended(server, address, path):
    server.cuts = [10_000, 20_000, 30_000, 40_000]
    fetch(address, path, patience=SPLIT)
    assert path.read_bytes() == DATA
    assert len(server.asked) == 8


def test_a_cut_file_is_gone_on_with_at_once(server, address, path):
    server.cuts = [300_000]
    fetch(address, path, patience=QUICK)
    assert path.read_bytes() == DATA
    assert server.asked == [None, "bytes=300000-"]


def test_a_cut_file_is_gone_on_with_by_the_next_call(server, address, path):
    server.cuts = [300_000]
    with pytest.raises(DownloadError, match="run it again to go on"):
        fetch(address, path, patience=ONCE)
    assert not path.exists()
    fetch(address, path, patience=ONCE)
    assert path.read_bytes() == DATA
    assert server.asked == [None, "bytes=300000-"]


def test_cuts_without_a_byte_gained_end_after_the_attempts(server, address, path):
    server.cuts = [300_000, 0, 0, 0, 0]
    with pytest.raises(DownloadError, match="the connection was cut"):
        fetch(address, path, patience=QUICK)
    assert len(server.asked) == 3
    assert not path.exists()


def test_a_server_without_ranges_sends_all_again(server, address, path):
    server.knows_ranges, server.cuts = False, [300_000]
    fetch(address, path, patience=QUICK)
    assert path.read_bytes() == DATA


def test_a_server_without_ranges_that_always_cuts_is_one_clear_error(server, address, path):
    server.knows_ranges, server.cuts = False, [300_000] * 20
    with pytest.raises(DownloadError, match="takes up no cut download"):
        fetch(address, path, patience=QUICK)
    assert not path.exists()


def test_without_etag_and_sum_a_part_is_not_trusted(server, address, path):
    server.has_etag, server.cuts = False, [300_000]
    fetch(address, path, patience=QUICK)
    assert path.read_bytes() == DATA
    assert server.asked == [None, None]


def test_with_a_known_sum_a_part_is_taken_up_without_an_etag(server, address, path):
    server.has_etag, server.cuts = False, [300_000]
    fetch(address, path, digest=SHA256, patience=QUICK)
    assert server.asked == [None, "bytes=300000-"]


def test_a_file_that_changed_between_two_parts_begins_again(server, address, path):
    changed = DATA[::-1]
    server.cuts = [300_000]
    server.after_answer = lambda: server.files.update({"data.zip": changed})
    fetch(address, path, patience=QUICK)
    assert path.read_bytes() == changed


@pytest.mark.parametrize("patience", [QUICK, SPLIT])
def test_a_file_that_always_changes_is_one_clear_error(server, address, path, patience):
    server.cuts = [30_000] * 100
    server.after_answer = lambda: server.files.update(
        {"data.zip": np.random.default_rng(len(server.asked)).bytes(10**6)}
    )
    with pytest.raises(DownloadError, match="begun again 3 times"):
        fetch(address, path, patience=patience)
    assert not path.exists()


def test_a_file_that_became_shorter_begins_again(server, address, path):
    server.cuts = [300_000]
    server.has_etag = True
    with pytest.raises(DownloadError):
        fetch(address, path, patience=ONCE)
    note = path.with_name("data.zip.part.json")
    server.files["data.zip"] = DATA[:1000]
    values = json.loads(note.read_text())
    note.write_text(json.dumps(values | {"validator": f'"{hashlib.md5(DATA[:1000]).hexdigest()}"'}))
    fetch(address, path, patience=QUICK)
    assert path.read_bytes() == DATA[:1000]


def test_another_sum_is_an_error_and_nothing_is_kept(address, path):
    with pytest.raises(DownloadError, match="md5 differs"):
        fetch(address, path, digest="0" * 32, patience=QUICK)
    assert names(path) == []


def test_a_smaller_file_than_was_claimed_is_never_taken_for_whole(server, address, path):
    server.claimed_size = 2_000_000
    with pytest.raises(DownloadError):
        fetch(address, path, patience=QUICK)
    assert not path.exists()


def test_a_part_of_another_address_is_not_mixed_in(server, address, path):
    server.cuts = [300_000]
    with pytest.raises(DownloadError):
        fetch(address, path, patience=ONCE)
    server.files["mirror.zip"] = DATA
    fetch(server.address("mirror.zip"), path, patience=ONCE)
    assert server.asked == [None, None]


@pytest.mark.parametrize("note", ["", "{}", '{"stretches": [[0]]}'])
def test_a_damaged_note_begins_again(server, address, path, note):
    path.with_name("data.zip.part").write_bytes(b"rubbish")
    path.with_name("data.zip.part.json").write_text(note)
    fetch(address, path, patience=QUICK)
    assert path.read_bytes() == DATA


@pytest.mark.parametrize("status, words", [(404, "not there"), (403, "refuses"), (401, "login"), (410, "gone")])
def test_a_refusal_is_told_at_once(server, address, path, status, words):
    server.refusals = [status]
    with pytest.raises(DownloadError, match=f"answered {status}.*{words}"):
        fetch(address, path, patience=QUICK)
    assert len(server.asked) == 1


def test_a_busy_server_is_asked_again(server, address, path):
    server.refusals = [503, 429]
    fetch(address, path, patience=QUICK)
    assert path.read_bytes() == DATA


def test_a_server_that_stays_busy_is_one_clear_error(server, address, path):
    server.refusals = [503] * 9
    with pytest.raises(DownloadError, match="answered 503"):
        fetch(address, path, patience=QUICK)
    assert len(server.asked) == 3


def test_a_refusal_of_one_range_ends_the_others(server, address, path):
    server.cuts = [1000] * 4
    with pytest.raises(DownloadError):
        fetch(address, path, patience=Patience(attempts=1, big=100_000))
    server.refusals = [403] * 4
    with pytest.raises(DownloadError, match="403"):
        fetch(address, path, patience=SPLIT)


@pytest.mark.parametrize("wrong", ["http://127.0.0.1:1/data.zip", "nonsense"])
def test_an_address_without_a_server_is_one_clear_error(path, wrong):
    with pytest.raises(DownloadError, match=r"no connection|is no address"):
        fetch(wrong, path, patience=QUICK)
    with pytest.raises(DownloadError, match="no connection"):
        fetch_text(wrong)


def test_a_file_for_which_there_is_no_room_is_not_begun(address, path, monkeypatch):
    usage = download.shutil.disk_usage(path.parent)
    monkeypatch.setattr(download.shutil, "disk_usage", lambda place: usage._replace(free=10))
    with pytest.raises(DownloadError, match=r"are needed but 0\.0 GB are free"):
        fetch(address, path, patience=QUICK)


def test_an_empty_file_is_a_file(server, path):
    server.files["empty"] = b""
    fetch(server.address("empty"), path, patience=QUICK)
    assert path.read_bytes() == b""


@pytest.mark.parametrize("patience", [QUICK, SPLIT])
def test_another_thread_can_end_it_and_the_next_call_goes_on(address, path, patience):
    halt = threading.Event()
    with pytest.raises(DownloadError, match="stopped"):
        fetch(address, path, lambda done, total: halt.set(), "", patience, halt)
    assert not path.exists()
    fetch(address, path, patience=patience)
    assert path.read_bytes() == DATA


def test_a_text_is_fetched_or_refused(server):
    server.files["sums.md5"] = b"abc  data.zip\n"
    assert fetch_text(server.address("sums.md5")) == "abc  data.zip\n"
    with pytest.raises(DownloadError, match="404"):
        fetch_text(server.address("gone"))
