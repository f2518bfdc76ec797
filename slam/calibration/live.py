"""The newest frame of a live camera, and an end when it falls silent."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from slam.errors import SourceError
from slam.running.feed import SILENCE_S
from slam.running.mailbox import Closed, Mailbox
from slam.sources import LiveSource
from slam.types import Frame


def newest_frames(source: LiveSource) -> Iterator[Frame]:
    """Frames as they come; those that come while the reader works are given up but for the newest.

    Raises SourceError once the camera is gone or silent; while it reconnects, by its own bound, it is waited for.
    """
    mailbox: Mailbox[Frame] = Mailbox()
    stop = threading.Event()
    thread = threading.Thread(target=_read, args=(source, mailbox, stop), name="camera", daemon=True)
    thread.start()
    try:
        while True:
            try:
                yield mailbox.take(SILENCE_S)[0]
            except SourceError:
                if not (source.is_reconnecting and thread.is_alive()):
                    raise
    except Closed:
        return
    finally:
        stop.set()
        source.close()
        thread.join(timeout=5.0)


def _read(source: LiveSource, mailbox: Mailbox[Frame], stop: threading.Event) -> None:
    try:
        for frame in source:
            if stop.is_set():
                break
            mailbox.put(frame)
    except BaseException as error:  # noqa: BLE001 - raised again in the reader
        mailbox.close(error)
    else:
        mailbox.close()
