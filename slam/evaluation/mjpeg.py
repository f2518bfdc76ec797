"""A network camera on loopback: JPEG images over HTTP, at a pace, that can be unplugged and silenced."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

BOUNDARY = "frame"
POLL_S = 0.05  # between two looks of the server at whether it is to end


class MjpegCamera:
    """Serves ``image(i)`` (JPEG bytes) for i = 0, 1, ... at ``fps``; use as a context manager."""

    def __init__(self, image: Callable[[int], bytes], fps: float = 30.0, port: int = 0) -> None:
        self._image, self._period_s, self._port = image, 1.0 / fps, port
        self._ending, self._silent = threading.Event(), threading.Event()
        self.sent = 0
        self._counter = count()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}/stream.mjpg"

    def __enter__(self) -> MjpegCamera:
        self.plug_in()
        return self

    def __exit__(self, *ending: object) -> None:
        self.unplug()

    def plug_in(self) -> None:
        """Serve, at the same address as before."""
        self._ending.clear()
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), _handler(self))
        self._server.daemon_threads = True
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(POLL_S,), daemon=True).start()

    def unplug(self) -> None:
        """The connection ends, and a new one is refused."""
        self._ending.set()
        self._server.shutdown()
        self._server.server_close()

    def silence(self) -> None:
        """The connection stays open and nothing comes."""
        self._silent.set()

    def stream(self, send: Callable[[bytes], None]) -> None:
        """Images to one who asked, until unplugged."""
        due_s = time.monotonic()
        while not self._ending.is_set():
            if not self._silent.is_set():
                send(self._image(next(self._counter)))
                self.sent += 1
            due_s += self._period_s
            self._ending.wait(max(0.0, due_s - time.monotonic()))


def _handler(camera: MjpegCamera) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                camera.stream(self._send)

        def _send(self, data: bytes) -> None:
            head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            self.wfile.write(head.encode() + data + b"\r\n")

        def log_message(self, *_: object) -> None:
            """Say nothing on the terminal."""

    return Handler
