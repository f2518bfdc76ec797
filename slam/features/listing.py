"""What ``slam features`` prints."""

from __future__ import annotations

from slam.errors import WeightsError
from slam.features import CLASSICAL, FEATURES, OWN
from slam.features.weights import cached_weights, weights_file
from slam.matching import WEIGHTS as MATCHER_WEIGHTS
from slam.matching import packaged_weights
from slam.matching.calibration import exit_file

WIDTHS = {"earlybird": 64, "sift": 128, "orb": 256, "xfeat": 64, "aliked-t16": 64, "aliked-n16": 128, "superpoint": 256}


def feature_rows() -> list[tuple[str, str, str, str, str]]:
    """Name, descriptor width, matcher, licence of the weights, and whether they are at hand."""
    return [(name, str(WIDTHS[name]), _matcher(name), *_weights(name)) for name in FEATURES]


def _matcher(name: str) -> str:
    if name not in MATCHER_WEIGHTS:
        return "nearest"
    rule = "calibrated" if exit_file(packaged_weights(name)).is_file() else "published, not calibrated"
    return f"lightglue ({MATCHER_WEIGHTS[name]}), exit {rule}"


def _weights(name: str) -> tuple[str, str]:
    if name in CLASSICAL:
        return "OpenCV, Apache-2.0", "yes"
    if name in OWN:
        return "Apache-2.0", "yes"
    licence = weights_file(name).licence
    try:
        cached_weights(name)
    except WeightsError:
        return licence, f"slam download weights {name}"
    return licence, "yes"
