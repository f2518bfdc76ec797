"""A server of our own for downloads: ranges or none, cuts, changed files, refusals, all asked for by attributes."""

import hashlib
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FileServer(ThreadingHTTPServer):
    """Serves ``files``. ``asked`` has the Range header of every request, None for a plain one."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.asked: list[str | None] = []
        self.knows_ranges = True
        self.has_etag = True
        self.cuts: list[int] = []  # bytes after which the next answers end
        self.refusals: list[int] = []  # status of the next answers
        self.claimed_size = 0  # in place of the true one
        self.after_answer = lambda: None

    def address(self, name: str = "") -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"

    def handle_error(self, request, client_address) -> None:
        """A client that hangs up is part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        server.asked.append(self.headers.get("Range"))
        data = server.files.get(self.path.lstrip("/"))
        if server.refusals:
            return self.send_error(server.refusals.pop(0))
        if data is None:
            return self.send_error(404)
        etag = f'"{hashlib.md5(data).hexdigest()}"'
        start, stop, is_part = self._span(data, etag)
        if start >= len(data) > 0:
            return self.send_error(416)
        self.send_response(206 if is_part else 200)
        self.send_header("Content-Length", str(server.claimed_size or stop - start))
        if server.knows_ranges:
            self.send_header("Accept-Ranges", "bytes")
        if server.has_etag:
            self.send_header("ETag", etag)
        if is_part:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(data)}")
        self.end_headers()
        self.wfile.write(data[start : min(stop, start + server.cuts.pop(0)) if server.cuts else stop])
        server.after_answer()

    def _span(self, data: bytes, etag: str) -> tuple[int, int, bool]:
        asked, condition = self.headers.get("Range"), self.headers.get("If-Range")
        if not asked or not self.server.knows_ranges or (condition and condition != etag):
            return 0, len(data), False
        first, _, last = asked.removeprefix("bytes=").partition("-")
        return int(first), int(last) + 1 if last else len(data), True

    def log_message(self, *words) -> None:
        pass


@contextmanager
def running_server():
    with FileServer() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()
