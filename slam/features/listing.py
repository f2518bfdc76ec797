"""What ``slam features`` prints."""

from __future__ import annotations

from slam.errors import WeightsError
from slam.features import CLASSICAL, FEATURES
from slam.features.weights import cached_weights, weights_file
from slam.matching import WEIGHTS as MATCHER_WEIGHTS

WIDTHS = {"sift": 128, "orb": 256, "xfeat": 64, "aliked-t16": 64, "aliked-n16": 128, "superpoint": 256}


def feature_rows() -> list[tuple[str, str, str, str, str]]:
    """Name, descriptor width, matcher, licence of the weights, and whether they are at hand."""
    return [(name, str(WIDTHS[name]), _matcher(name), *_weights(name)) for name in FEATURES]


def _matcher(name: str) -> str:
    return f"lightglue ({MATCHER_WEIGHTS[name]})" if name in MATCHER_WEIGHTS else "nearest"


def _weights(name: str) -> tuple[str, str]:
    if name in CLASSICAL:
        return "OpenCV, Apache-2.0", "yes"
    licence = weights_file(name).licence
    try:
        cached_weights(name)
    except WeightsError:
        return licence, f"slam download weights {name}"
    return licence, "yes"
