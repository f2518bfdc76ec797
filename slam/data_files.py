"""Where the data that comes with the program lies: rigs, data sets, ways of running."""

from __future__ import annotations

from pathlib import Path

from slam.errors import SlamError

KINDS = ("calib", "datasets", "launch")
PACKAGE = Path(__file__).parent


def data_dir(kind: str) -> Path:
    """The folder of one of KINDS: inside an installed package, else at the top of the checkout. Raises SlamError."""
    if kind not in KINDS:
        raise SlamError(f"data '{kind}' is unknown; known: {', '.join(KINDS)}")
    for place in (PACKAGE / "_data" / kind, PACKAGE.parent / kind):
        if place.is_dir():
            return place
    raise SlamError(f"the folder {kind} is missing from the installation; install earlybird-slam again")
