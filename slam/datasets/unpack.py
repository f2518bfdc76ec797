"""Takes what belongs to a sequence out of an archive (zip, tar, tar.gz and its kin), trusting nothing in it.

The trap: names in archives may be absolute, climb with "..", or be links and devices, and a small archive may hold
terabytes. Any of these refuses the whole archive; nothing is written outside the folder given.
"""

from __future__ import annotations

import errno
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from slam.errors import DatasetError

CHUNK = 1 << 20  # bytes
MOST_GROWTH = 50  # times the archive's size: PNG and JPEG hardly shrink, lists of poses do
MOST_BYTES_SPARED = 1 << 30  # that any archive may hold
MOST_MEMBERS = 2_000_000
DAMAGED = (zipfile.BadZipFile, tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, NotImplementedError, ValueError)
UNIX_SYSTEM = 3  # whose mode bits a zip member carries


@dataclass(frozen=True)
class Wanted:
    """Which members are taken: those below the folders ``part``, or the one file ``part``, as ``into``."""

    part: str = ""  # "" for all
    into: str = ""

    def place(self, name: PurePosixPath) -> PurePosixPath | None:
        """Where a member goes, below the folder of the sequence; None for one that is not wanted."""
        wanted = PurePosixPath(self.part).parts
        if not wanted:
            return name
        for i in range(len(name.parts) - len(wanted) + 1):
            if name.parts[i : i + len(wanted)] == wanted:
                rest = name.parts[i + len(wanted) :]
                return PurePosixPath(*rest) if rest else PurePosixPath(self.into) if self.into else None
        return None


def unpack(archive: Path, folder: Path, wanted: Wanted, most_bytes: int = 0) -> int:
    """Write the wanted files of an archive below ``folder``; returns how many.

    most_bytes: that all members may hold together, 0 for a bound by the archive's own size.
    Raises DatasetError: not an archive, damaged, hostile, nothing wanted in it, or a full disk.
    """
    budget = _Budget(archive, most_bytes or MOST_BYTES_SPARED + MOST_GROWTH * archive.stat().st_size)
    count = 0
    with _told(archive, folder):
        for name, source in _members(archive, budget):
            place = wanted.place(name)
            if place is not None:
                _write(source(), folder / place, budget)
                count += 1
    if not count:
        raise DatasetError(f"{archive}: holds nothing below '{wanted.part}'; is it the right archive?")
    return count


def extract_nested(archive: Path, nested: str, to: Path) -> bool:
    """Write the archive of the name ``nested`` within another to ``to``; False where there is none.

    Raises DatasetError as unpack does.
    """
    budget = _Budget(archive, MOST_BYTES_SPARED + MOST_GROWTH * archive.stat().st_size)
    with _told(archive, to.parent):
        for name, source in _members(archive, budget):
            if name.name == nested:
                _write(source(), to, budget)
                return True
    return False


class _Budget:
    """How much an archive may still hold: by what its members claim, and by what really comes out of them."""

    def __init__(self, archive: Path, most_bytes: int) -> None:
        self._archive, self._most = archive, most_bytes
        self._claimed = self._written = self._members = 0

    def claim(self, size: int) -> None:
        self._members, self._claimed = self._members + 1, self._claimed + size
        if self._claimed > self._most or self._members > MOST_MEMBERS:
            self._refuse()

    def write(self, size: int) -> None:
        self._written += size
        if self._written > self._most:
            self._refuse()

    def _refuse(self) -> None:
        raise DatasetError(
            f"{self._archive}: would unpack to more than {self._most / 1e9:.1f} GB, or too many files: refused"
        )


def _members(archive: Path, budget: _Budget) -> Iterator[tuple[PurePosixPath, _Open]]:
    """Regular files with their safe names, and how to open each."""
    if zipfile.is_zipfile(archive):
        return _zip_members(archive, budget)
    return _tar_members(archive, budget)


class _Open:
    """Opens a member when it is wanted."""

    def __init__(self, archive: zipfile.ZipFile | tarfile.TarFile, member: zipfile.ZipInfo | tarfile.TarInfo) -> None:
        self._archive, self._member = archive, member

    def __call__(self) -> IO[bytes]:
        if isinstance(self._archive, zipfile.ZipFile):
            assert isinstance(self._member, zipfile.ZipInfo)
            return self._archive.open(self._member)
        assert isinstance(self._member, tarfile.TarInfo)
        source = self._archive.extractfile(self._member)
        assert source is not None  # regular files only come here
        return source


def _zip_members(path: Path, budget: _Budget) -> Iterator[tuple[PurePosixPath, _Open]]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = _safe(path, member.filename)
            mode = member.external_attr >> 16 if member.create_system == UNIX_SYSTEM else 0
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _unsafe(path, member.filename, "a link or a device")
            if member.flag_bits & 1:
                raise DatasetError(f"{path}: is encrypted; unpack it by hand")
            budget.claim(member.file_size)
            if not member.is_dir():
                yield name, _Open(archive, member)


def _tar_members(path: Path, budget: _Budget) -> Iterator[tuple[PurePosixPath, _Open]]:
    with tarfile.open(path, "r:*") as archive:
        for member in archive:
            name = _safe(path, member.name)
            if not (member.isreg() or member.isdir()):
                raise _unsafe(path, member.name, "a link or a device")
            budget.claim(member.size)
            archive.members.clear()  # type: ignore[attr-defined]  # which would grow with every member
            if member.isreg():
                yield name, _Open(archive, member)


def _safe(archive: Path, name: str) -> PurePosixPath:
    """The name, if it stays below any folder it is put into."""
    path = PurePosixPath(name)
    has_drive = ":" in path.parts[0] if path.parts else False
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or has_drive:
        raise _unsafe(archive, name, "a name that leaves the folder")
    return path


def _unsafe(archive: Path, name: str, what: str) -> DatasetError:
    return DatasetError(f"{archive}: '{name}' is {what}; the archive is refused, nothing of it was kept")


def _write(source: IO[bytes], path: Path, budget: _Budget) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with source, path.open("wb") as target:
        while chunk := source.read(CHUNK):
            budget.write(len(chunk))
            target.write(chunk)


@contextmanager
def _told(archive: Path, folder: Path) -> Iterator[None]:
    """What goes wrong with an archive, in one sentence."""
    try:
        yield
    except DAMAGED as error:
        raise DatasetError(f"{archive}: is damaged or no archive ({error}); remove it and fetch it again") from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            free_gb = shutil.disk_usage(folder.parent).free / 1e9
            raise DatasetError(
                f"{folder}: the disk is full ({free_gb:.1f} GB free); make room, run it again"
            ) from error
        raise DatasetError(f"{archive}: cannot be unpacked to {folder} ({error}); check both") from error
