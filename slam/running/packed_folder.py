"""A folder's files as bytes, to bring them from a machine that shares no disk with this one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MOST_BYTES = 64_000_000
LEFT_OUT = "left_out.txt"  # names the files that were too large, where there are any


@dataclass(frozen=True)
class PackedFolder:
    """Names below the folder with their bytes, and the names of those that were too large."""

    files: dict[str, bytes]
    left_out: tuple[str, ...] = ()

    @staticmethod
    def of(folder: Path, most_bytes: int = MOST_BYTES) -> PackedFolder:
        """Pack a folder; the largest files stay behind where all together are more than ``most_bytes``."""
        paths = sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
        files, left_out, room = {}, [], most_bytes
        for path in paths:
            name, room = path.relative_to(folder).as_posix(), room - path.stat().st_size
            if room < 0:
                left_out.append(name)
            else:
                files[name] = path.read_bytes()
        return PackedFolder(files, tuple(left_out))

    def unpack(self, folder: Path) -> None:
        """Write all files into a folder, which is made."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        if self.left_out:
            (folder / LEFT_OUT).write_text("\n".join(self.left_out) + "\n", encoding="utf-8")
