"""Lists of pairs of images: two names a line, as hloc writes them; a tab between allows names with spaces."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from slam.errors import SourceError

Pair = tuple[str, str]


def read_pairs(path: Path) -> list[Pair]:
    """The pairs of a file, each once: the same two names turned round are the same pair. Raises SourceError."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SourceError(f"pairs {path}: cannot be read ({error.strerror}); check --pairs") from error
    except UnicodeDecodeError as error:
        raise SourceError(f"pairs {path}: is not UTF-8 text; write it again as UTF-8") from error
    pairs: dict[Pair, None] = {}
    for number, line in enumerate(text.split("\n"), 1):
        pair = _pair(line.rstrip("\r"), f"pairs {path}, line {number}")
        if pair is not None and pair[::-1] not in pairs:
            pairs[pair] = None
    if not pairs:
        raise SourceError(f"pairs {path}: has no pairs; write two image names a line")
    _check_keys(list(pairs), path)
    return list(pairs)


def pair_key(first: str, second: str) -> str:
    """Where the matches of a pair lie in a matches file of hloc: slashes of a name become dashes."""
    return "/".join(name.replace("/", "-") for name in (first, second))


def _pair(line: str, where: str) -> Pair | None:
    if not line.strip():
        return None
    names = [name.strip() for name in line.split("\t")] if "\t" in line else line.split()
    if len(names) != 2:
        raise SourceError(f"{where}: has {len(names)} names; write two, with a tab between where a name has spaces")
    for name in names:
        _check_name(name, where)
    if names[0] == names[1]:
        raise SourceError(f"{where}: {names[0]} is paired with itself; leave the line out")
    return names[0], names[1]


def _check_name(name: str, where: str) -> None:
    """A name is a path inside the folder of images, in the one form that also names a group of an HDF5 file."""
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or str(path) != name or name == "." or "\0" in name:
        raise SourceError(f"{where}: '{name}' must be a path inside of the image folder, such as seq-01/a.jpg")


def _check_keys(pairs: list[Pair], path: Path) -> None:
    """hloc's keys are ambiguous: a/b.jpg and a-b.jpg have one and the same."""
    owners: dict[str, Pair] = {}
    for pair in pairs:
        for key in (pair_key(*pair), pair_key(*pair[::-1])):
            other = owners.setdefault(key, pair)
            if other != pair:
                raise SourceError(
                    f"pairs {path}: {' '.join(other)} and {' '.join(pair)} have one key in hloc's files ({key}); "
                    "rename the images"
                )
