"""Fetches one file: taken up where it was cut, in several stretches at once where the server can, checked when whole.

Ranges and If-Range as in RFC 9110, sections 13.1.5 and 14. The trap: a server may answer a range with the whole file
(200), or with bytes of a newer file; both begin the file again instead of joining what does not belong together.
"""

from __future__ import annotations

import errno
import hashlib
import http.client
import shutil
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from slam.datasets.part import UNKNOWN, Part, Stretch
from slam.errors import SlamError

CHUNK = 1 << 18  # bytes read at a time
BIG = 64 << 20  # bytes from which a file comes in several stretches
RANGE_NOT_SATISFIABLE = 416
TRANSIENT = {408, 425, 429, 500, 502, 503, 504}
ADVICE = {
    401: "it wants a login",
    403: "it refuses; the address may have changed or want a login",
    404: "the file is not there; the address may have changed",
    410: "the file is gone",
}

Progress = Callable[[int, int], None]  # bytes so far, bytes in all (0 when the server does not say)


class DownloadError(SlamError):
    """A file could not be fetched, and why."""


class _Changed(Exception):
    """What is there cannot be gone on with: the file is another, or the server takes up no cut download."""


class _Cut(Exception):
    """The connection ended, or the server asks to come back: worth another try."""


@dataclass(frozen=True)
class Patience:
    """How often and how long to try, and how many connections to use."""

    attempts: int = 5  # without a byte gained, in a row
    restarts: int = 3  # because the file changed upstream
    wait_s: float = 1.0  # before the second attempt; doubles
    timeout_s: float = 30.0  # of a silent connection
    connections: int = 4  # to a big file
    big: int = BIG


def fetch(
    address: str,
    path: Path,
    progress: Progress | None = None,
    digest: str = "",
    patience: Patience | None = None,
    halt: threading.Event | None = None,
) -> None:
    """Bring the file at ``address`` to ``path``, which appears only when it is whole and its ``digest`` right.

    digest: sha256 or md5 in hex, "" where none is known. A file that is cut leaves ``path.part``, from which the next
    call goes on. ``halt`` ends it from another thread.
    Raises DownloadError: no connection, refused, cut too often, wrong sum, or a full disk.
    """
    patience = patience or Patience()
    part = Part.beside(path)
    part.halt = halt or part.halt
    try:
        _fill(address, part, progress or (lambda done, total: None), digest, patience)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise DownloadError(f"the disk is full at {path.parent}; make room and run it again to go on") from error
    kind = digest_kind(digest)
    if digest and file_digest(part.path, kind) != digest.lower():
        part.drop()
        raise DownloadError(f"{address} sent another file ({kind} differs); nothing was kept")
    part.finish(path)


def digest_kind(digest: str) -> str:
    return "sha256" if len(digest) == 64 else "md5"


def file_digest(path: Path, kind: str) -> str:
    """The sum of a file in hex."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, kind).hexdigest()


def fetch_text(address: str, limit: int = 1 << 16, timeout_s: float = 30.0) -> str:
    """A short text, such as a list of sums. Raises DownloadError."""
    try:
        with urllib.request.urlopen(_request(address), timeout=timeout_s) as answer:
            return answer.read(limit).decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        raise DownloadError(_refusal(address, error)) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DownloadError(f"no connection to {address} ({error})") from error


def _fill(address: str, part: Part, progress: Progress, digest: str, patience: Patience) -> None:
    """Try until the part is whole, as often as patience allows."""
    failures = restarts = 0
    if part.address not in ("", address) and not digest:
        part.stretches = []  # another mirror's bytes, and nothing to check the whole by
    while not part.is_whole:
        before = part.done
        try:
            _attempt(address, part, progress, bool(digest), patience)
            return
        except _Changed as change:
            restarts += 1
            part.drop()
            if restarts > patience.restarts:
                raise DownloadError(f"{address} {change}; begun again {patience.restarts} times, try later") from None
        except _Cut as cut:
            failures = 1 if part.done > before else failures + 1
            if failures >= patience.attempts or part.halt.is_set():
                raise DownloadError(f"{cut}; run it again to go on where it ended") from cut
            time.sleep(patience.wait_s * 2 ** (failures - 1))
        finally:
            if part.path.exists() and part.stretches:
                part.write_note()


def _attempt(address: str, part: Part, progress: Progress, is_checked: bool, patience: Patience) -> None:
    if part.stretches and not (part.validator or is_checked):
        part.stretches = []  # nothing tells whether the file is still the same
    if not part.stretches:
        return _from_the_start(address, part, progress, patience)
    missing = [stretch for stretch in part.stretches if not stretch.is_whole]
    _together(part, [partial(_go_on, address, part, stretch, progress, patience) for stretch in missing])


def _from_the_start(address: str, part: Part, progress: Progress, patience: Patience) -> None:
    """One plain request; if its answer says that ranges will do, the rest of a big file comes beside it."""
    with _answer(address, {}, patience) as answer:
        size, validator = _length(answer), _validator(answer)
        _check_room(part.path, size)
        ranges = answer.headers.get("Accept-Ranges", "").strip().lower() == "bytes" and validator
        part.begin(address, validator, size, patience.connections if ranges and size >= patience.big else 1)
        first, *others = part.stretches
        jobs = [partial(_go_on, address, part, stretch, progress, patience) for stretch in others]
        _together(part, [partial(_copy, answer, address, part, first, progress), *jobs])


def _together(part: Part, jobs: list[Callable[[], Any]]) -> None:
    """Run all at once. What cannot pass (and Ctrl-C) ends the others soon; a cut lets them go on to their end."""
    if len(jobs) == 1:
        return jobs[0]()
    part.stop.clear()
    with ThreadPoolExecutor(len(jobs)) as pool:
        try:
            cuts = [cut for done in as_completed([pool.submit(job) for job in jobs]) if (cut := _cut_of(done))]
        except BaseException:
            part.stop.set()
            raise
    if cuts:
        raise cuts[0]


def _cut_of(done: Future[Any]) -> _Cut | None:
    """How a job was cut, None where it was not; raises what else befell it."""
    try:
        done.result()
    except _Cut as cut:
        return cut
    return None


def _go_on(address: str, part: Part, stretch: Stretch, progress: Progress, patience: Patience) -> None:
    """Fetch what a stretch lacks, if the file is still the one it began with."""
    last = "" if stretch.stop in (UNKNOWN, part.size) else str(stretch.stop - 1)
    headers = {"Range": f"bytes={stretch.next}-{last}"} if stretch.next or last else {}
    if part.validator and headers:
        headers["If-Range"] = part.validator
    try:
        answer = _answer(address, headers, patience)
    except _WholeAlready:
        stretch.stop = stretch.next
        return
    with answer:
        if headers and answer.status != http.HTTPStatus.PARTIAL_CONTENT:
            raise _Changed("takes up no cut download, or the file changed")
        if headers and not _is_same(answer, part, stretch):
            raise _Changed("changes while it is read")
        if stretch.stop == UNKNOWN and (length := _length(answer)) != UNKNOWN:
            stretch.stop = part.size = stretch.next + length
        _copy(answer, address, part, stretch, progress)


def _is_same(answer: Any, part: Part, stretch: Stretch) -> bool:
    """Whether a partial answer begins where it was asked to, in a file of the same validator and size."""
    span, _, size = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
    if span and span.partition("-")[0] != str(stretch.next):
        return False
    if part.size != UNKNOWN and size.isdigit() and int(size) != part.size:
        return False
    validator = _validator(answer)
    return not (part.validator and validator and validator != part.validator)


def _copy(answer: Any, address: str, part: Part, stretch: Stretch, progress: Progress) -> None:
    with part.open() as target:
        while not stretch.is_whole:
            if part.stop.is_set() or part.halt.is_set():
                raise _Cut(f"{address}: stopped")
            wanted = CHUNK if stretch.stop == UNKNOWN else min(CHUNK, stretch.stop - stretch.next)
            try:
                chunk = answer.read(wanted)
            except (OSError, http.client.HTTPException) as error:
                raise _Cut(f"{address}: the connection was cut ({error or type(error).__name__})") from error
            if not chunk:
                break
            part.write(target, stretch, chunk)
            progress(part.done, max(part.size, 0))
    if stretch.stop == UNKNOWN:
        stretch.stop = stretch.next  # the server told no size: the end is where it ended
    if not stretch.is_whole:
        raise _Cut(f"{address}: the connection was cut")


class _WholeAlready(Exception):
    """There is nothing behind the bytes that are there."""


def _answer(address: str, headers: dict[str, str], patience: Patience) -> Any:
    """The server's answer; refusals as DownloadError, what may pass as _Cut."""
    try:
        return urllib.request.urlopen(_request(address, headers), timeout=patience.timeout_s)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == RANGE_NOT_SATISFIABLE and headers:
            if "If-Range" in headers:
                raise _Changed("is shorter than it was") from error
            raise _WholeAlready from error
        if error.code in TRANSIENT:
            raise _Cut(_refusal(address, error)) from error
        raise DownloadError(_refusal(address, error)) from error
    except (OSError, http.client.HTTPException) as error:
        raise _Cut(f"no connection to {address} ({error})") from error
    except ValueError as error:
        raise DownloadError(f"'{address}' is no address; write it as https://...") from error


def _request(address: str, headers: dict[str, str] | None = None) -> urllib.request.Request:
    return urllib.request.Request(address, headers={"User-Agent": "earlybird-slam", **(headers or {})})


def _refusal(address: str, error: urllib.error.HTTPError) -> str:
    return f"{address} answered {error.code} {error.reason}: {ADVICE.get(error.code, 'try later')}"


def _length(answer: Any) -> int:
    length = answer.headers.get("Content-Length", "")
    return int(length) if length.isdigit() else UNKNOWN


def _validator(answer: Any) -> str:
    """What may stand in If-Range: a strong ETag, else a date."""
    etag = answer.headers.get("ETag", "")
    return etag if etag and not etag.startswith("W/") else answer.headers.get("Last-Modified", "")


def _check_room(path: Path, size: int) -> None:
    place = next(parent for parent in path.absolute().parents if parent.exists())
    free = shutil.disk_usage(place).free
    if size > free:
        raise DownloadError(f"{place}: {size / 1e9:.1f} GB are needed but {free / 1e9:.1f} GB are free; make room")
