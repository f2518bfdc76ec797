"""Refuses large files before they are committed, which git never forgets: python tools/check_sizes.py FILE..."""

import sys
from pathlib import Path

MOST_BYTES = 2_000_000


def main(names: list[str]) -> int:
    large = [name for name in names if Path(name).is_file() and Path(name).stat().st_size > MOST_BYTES]
    for name in large:
        print(f"{name}: {Path(name).stat().st_size / 1e6:.1f} MB; files above 2 MB do not belong into the repository")
    return 1 if large else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
