"""From names to folders: which archives are needed, fetched once each, and the sequences taken out of them."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from string import Formatter

from slam.datasets.catalog import Archive, Dataset, Sequence, is_on_disk, sequence_folder
from slam.datasets.download import DownloadError, Patience, Progress, digest_kind, fetch, fetch_text
from slam.datasets.unpack import Wanted, extract_nested, unpack
from slam.errors import DatasetError

ARCHIVES = ".archives"  # folder of a dataset in which its archives lie until they are unpacked
DIGEST = re.compile(r"\b([0-9a-fA-F]{64}|[0-9a-fA-F]{32})\b")
FILES_AT_ONCE = 3

FileProgress = Callable[[str, int, int], None]  # file, bytes so far, bytes in all (0: not known)


@dataclass(frozen=True)
class FetchOptions:
    """What the user asked for beside the sequences."""

    root: Path
    mirror: str = ""  # address of a folder, or a template with {file}, {dataset}; "" for upstream
    by_hand: tuple[Path, ...] = ()  # archives that the user fetched
    keep_archives: bool = False
    patience: Patience = field(default_factory=Patience)


def fetch_sequences(
    dataset: Dataset,
    sequences: Iterable[Sequence],
    options: FetchOptions,
    say: Callable[[str], None] = lambda line: None,
    progress: FileProgress = lambda file, done, total: None,
) -> list[Path]:
    """Folders of the sequences; those that are not there yet are fetched and unpacked.

    A sequence's folder appears under its name only when everything of it was unpacked. Raises DatasetError,
    DownloadError; what was fetched until then is gone on with by the next call.
    """
    wanted = list(sequences)
    missing = [sequence for sequence in wanted if not is_on_disk(options.root, dataset, sequence)]
    files = _files(dataset, missing, options)
    ours = {file: path for file, path in files.items() if path.parent.name == ARCHIVES}
    _fetch_all(dataset, missing, ours, options, say, progress)
    for sequence in missing:
        _unpack_sequence(dataset, sequence, files, options.root)
        say(f"{sequence.name}: unpacked to {sequence_folder(options.root, dataset, sequence)}")
    if not options.keep_archives:
        for path in ours.values():
            path.unlink(missing_ok=True)
        _remove_if_empty(options.root / dataset.name / ARCHIVES)
    return [sequence_folder(options.root, dataset, sequence) for sequence in wanted]


def _files(dataset: Dataset, sequences: list[Sequence], options: FetchOptions) -> dict[str, Path]:
    """Every archive that is needed, by its name: the user's own, else where it will be fetched to."""
    own = {path.name: path for path in options.by_hand}
    for path in own.values():
        if not path.is_file():
            raise DatasetError(f"{path}: is not there; check the path of the archive")
    archives = {archive.file: archive for sequence in sequences for archive in sequence.archives}
    if not archives and sequences:
        raise DatasetError(f"{dataset.name}: nothing to download; it comes with the program")
    kept = options.root / dataset.name / ARCHIVES
    files = {file: own.get(file, kept / file) for file in archives}
    unreachable = [
        file
        for file, archive in archives.items()
        if file not in own and not archive.address and not options.mirror and not files[file].is_file()
    ]
    if unreachable:
        raise DatasetError(
            f"{dataset.name}: upstream gives {', '.join(unreachable)} only after a registration at {dataset.login}; "
            "fetch by hand, then add --archive FILE for each"
        )
    return files


def _fetch_all(
    dataset: Dataset,
    sequences: list[Sequence],
    ours: dict[str, Path],
    options: FetchOptions,
    say: Callable[[str], None],
    progress: FileProgress,
) -> None:
    """Several files at once. The first that fails ends the whole; the others keep what they have."""
    archives = {archive.file: archive for sequence in sequences for archive in sequence.archives}
    waiting = [(archives[file], path) for file, path in ours.items() if not path.is_file()]
    halt = threading.Event()
    with ThreadPoolExecutor(FILES_AT_ONCE) as pool:
        jobs = [pool.submit(_fetch_one, dataset, archive, path, options, progress, halt) for archive, path in waiting]
        try:
            for job in jobs:
                say(job.result())
        except BaseException:  # Ctrl-C too: threads would go on to the end of their files
            halt.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _fetch_one(
    dataset: Dataset,
    archive: Archive,
    path: Path,
    options: FetchOptions,
    progress: FileProgress,
    halt: threading.Event,
) -> str:
    """Fetch an archive; returns a sentence that says how it was checked."""
    address = mirrored(options.mirror, dataset, archive) if options.mirror else archive.address
    digest, doubt = published_digest(archive, options.patience)
    path.parent.mkdir(parents=True, exist_ok=True)
    told: Progress = lambda done, total: progress(archive.file, done, total)  # noqa: E731
    fetch(address, path, told, digest, options.patience, halt)
    size = path.stat().st_size
    how = f"{digest_kind(digest)} as published" if digest else f"not checked: {doubt}"
    return f"{archive.file}: {size} bytes, {how}"


def mirrored(mirror: str, dataset: Dataset, archive: Archive) -> str:
    """The address of an archive at a mirror. Raises DatasetError for a template with words it has no values for."""
    words = {"file": archive.file, "dataset": dataset.name}
    try:
        used = {name for _, name, _, _ in Formatter().parse(mirror) if name is not None}
    except ValueError as error:
        raise DatasetError(f"--from {mirror}: is no template ({error}); known words: {{file}}, {{dataset}}") from error
    if used - words.keys():
        raise DatasetError(f"--from {mirror}: known words are {{file}} and {{dataset}}")
    return mirror.format(**words) if used else f"{mirror.rstrip('/')}/{archive.file}"


def published_digest(archive: Archive, patience: Patience) -> tuple[str, str]:
    """The sum that upstream publishes for an archive, or "" and why there is none."""
    if not archive.sum_address:
        return "", "upstream publishes no sum"
    try:
        text = fetch_text(archive.sum_address, timeout_s=patience.timeout_s)
    except DownloadError as error:
        return "", f"its sum could not be fetched, {error}"
    found = DIGEST.search(text)
    return (found.group(1).lower(), "") if found else ("", f"{archive.sum_address} holds no sum")


def _unpack_sequence(dataset: Dataset, sequence: Sequence, files: dict[str, Path], root: Path) -> None:
    folder = sequence_folder(root, dataset, sequence)
    unfinished = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        for archive in sequence.archives:
            _unpack_archive(archive, files[archive.file], unfinished)
        top = _top(dataset, unfinished, folder)
        if folder.exists():  # of an earlier version, or made by hand: never mixed, never thrown away
            raise DatasetError(f"{folder}: is there but holds no {dataset.marker}; move it away")
        top.replace(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _unpack_archive(archive: Archive, path: Path, folder: Path) -> None:
    """All that belongs to the sequence; a mirror may offer the nested archive by itself."""
    inner = folder.with_name(f"{folder.name}.nested")  # not within it, where a member could take its place
    try:
        is_nested = bool(archive.nested) and extract_nested(path, archive.nested, inner)
        unpack(inner if is_nested else path, folder, Wanted(archive.part, archive.into))
    finally:
        inner.unlink(missing_ok=True)


def _top(dataset: Dataset, unfinished: Path, folder: Path) -> Path:
    """The folder that holds the marker: the archive's own top, or the one folder in it."""
    for place in (unfinished, *sorted(path for path in unfinished.iterdir() if path.is_dir())):
        if (place / dataset.marker).exists():
            return place
    raise DatasetError(f"{folder.name}: the archives hold no {dataset.marker}; are they those of {dataset.title}?")


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
