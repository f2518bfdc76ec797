"""Downloads, from a server of our own with data of our own."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from slam.errors import WeightsError
from slam.features import weights
from slam.features.weights import WEIGHTS, WeightsFile, cached_weights, download_weights

DATA = bytes(range(256)) * 4000


class Server(ThreadingHTTPServer):
    cut_at = 0  # bytes after which every answer ends, 0 for never
    knows_ranges = True
    asked: list[str | None]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.asked.append(asked)
        if self.path != "/file.pt":
            return self.send_error(404)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.server.knows_ranges else 0
        if start >= len(DATA):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(DATA) - start))
        self.end_headers()
        rest = DATA[start:]
        self.wfile.write(rest[: self.server.cut_at] if self.server.cut_at else rest)

    def log_message(self, *words) -> None:
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    with Server(("127.0.0.1", 0), Handler) as running:
        running.asked = []
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv("EARLYBIRD_WEIGHTS", str(tmp_path / "cache"))
        offer(monkeypatch, running, hashlib.sha256(DATA).hexdigest())
        yield running
        running.shutdown()


def offer(monkeypatch, server: Server, sha256: str | None, path: str = "/file.pt") -> None:
    address = f"http://127.0.0.1:{server.server_address[1]}{path}"
    monkeypatch.setitem(weights.WEIGHTS, "test", WeightsFile(address, sha256, "none", "", 1.0))


def test_a_download_lies_in_the_cache_whole_and_is_not_fetched_twice(server):
    seen = []
    path = download_weights("test", lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == DATA
    assert seen[-1] == (len(DATA), len(DATA))
    assert download_weights("test") == cached_weights("test") == path
    assert server.asked == [None]
    assert [p.name for p in path.parent.iterdir()] == ["test.pt"]


def test_a_cut_connection_is_told_and_the_next_run_goes_on_where_it_ended(server):
    server.cut_at = 300_000
    with pytest.raises(WeightsError, match="run it again"):
        download_weights("test")
    with pytest.raises(WeightsError, match="slam download weights test"):
        cached_weights("test")
    server.cut_at = 0
    assert download_weights("test").read_bytes() == DATA
    assert server.asked == [None, "bytes=300000-"]


def test_a_server_without_ranges_sends_all_again(server):
    server.cut_at = 300_000
    with pytest.raises(WeightsError):
        download_weights("test")
    server.cut_at, server.knows_ranges = 0, False
    assert download_weights("test").read_bytes() == DATA


def test_another_sum_is_an_error_and_nothing_is_left(server, monkeypatch, tmp_path):
    offer(monkeypatch, server, "0" * 64)
    with pytest.raises(WeightsError, match="sha256 differs"):
        download_weights("test")
    assert not list((tmp_path / "cache").iterdir())


def test_a_damaged_file_in_the_cache_is_fetched_again(server):
    download_weights("test").write_bytes(b"rust")
    assert download_weights("test").read_bytes() == DATA


def test_a_whole_part_of_an_interrupted_run_is_used(server, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "test.pt.part").write_bytes(DATA)
    assert download_weights("test").read_bytes() == DATA


def test_a_file_without_a_known_sum_is_taken_as_it_is(server, monkeypatch):
    offer(monkeypatch, server, None)
    assert download_weights("test").read_bytes() == DATA


def test_what_the_server_does_not_have_is_one_clear_error(server, monkeypatch, tmp_path):
    offer(monkeypatch, server, None, "/gone.pt")
    with pytest.raises(WeightsError, match="answered 404"):
        download_weights("test")
    assert not list((tmp_path / "cache").iterdir())


def test_no_server_is_one_clear_error(server, monkeypatch):
    monkeypatch.setitem(weights.WEIGHTS, "test", WeightsFile("http://127.0.0.1:1/file.pt", None, "none", "", 1.0))
    with pytest.raises(WeightsError, match="no connection"):
        download_weights("test")


def test_an_unknown_name_is_told_with_the_known_ones():
    with pytest.raises(WeightsError, match="xfeat"):
        download_weights("yfeat")


def test_superpoint_is_said_to_be_non_commercial():
    assert "NON-COMMERCIAL" in WEIGHTS["superpoint"].licence
    assert "NON-COMMERCIAL" in WEIGHTS["superpoint"].note


def test_every_row_has_a_secure_address_and_a_licence():
    for row in WEIGHTS.values():
        assert row.address.startswith("https://") and row.licence and row.note and row.size_mb > 0


def test_the_sums_are_those_of_the_official_files(recorded):
    for name in ("aliked-t16", "aliked-n16"):
        content = (recorded / "weights" / "aliked" / f"{name}.pth").read_bytes()
        assert hashlib.sha256(content).hexdigest() == WEIGHTS[name].sha256
