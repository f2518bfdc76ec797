"""Prints the matcher's figures of its model card: python tools/compare_matchers.py DATA (a folder with eval_pairs/)."""

import sys
from pathlib import Path

from slam.config import FeatureConfig
from slam.features import make_extractor
from slam.learning.evaluate import JudgedPair, compare_on_pairs, depth_pairs, epipolar_pairs, homography_pairs
from slam.matching import packaged_weights
from slam.matching.adaptive import LightGlueMatcher
from slam.matching.early_exit import ExitPolicy
from slam.matching.nearest import NearestMatcher
from slam.matching.weights import load_network
from slam.running.threads import one_thread_per_worker
from slam.sources import open_source
from slam.types import Mode

DEPTH_INLIER_PX = 5.0  # depth is only roughly registered to colour there


def main() -> None:
    one_thread_per_worker(seed=0)
    network = load_network(packaged_weights("sift"))
    matchers = {
        "all layers": LightGlueMatcher(network, ExitPolicy.published(-1, -1, network.shape.layers)),
        "early exit": LightGlueMatcher(network, ExitPolicy.published(0.95, 0.99, network.shape.layers)),
        "nearest 0.9": NearestMatcher(0.9),
    }
    for name, pairs in judged_pairs(Path(sys.argv[1])).items():
        print(f"{name}, {len(pairs)} pairs")
        for matcher, score in compare_on_pairs(matchers, pairs).items():
            figures = f"inliers {score.inliers:6.1f}  precision {score.precision:.2f}  exit {score.exit_layer:.2f}"
            print(f"  {matcher:12s} {figures}  {score.ms:5.1f} ms")


def judged_pairs(data: Path) -> dict[str, list[JudgedPair]]:
    """The pairs of every set, by the set's name."""
    extractor, sequences = make_extractor(FeatureConfig()), data / "sequences"
    folders = sorted(folder for folder in (data / "eval_pairs/oxford_affine").iterdir() if folder.is_dir())
    pairs = {"Oxford affine": [pair for folder in folders for pair in homography_pairs(folder, extractor)]}
    rooms = open_source("tum", sequences / "sevenscenes_300")
    for gap in (1, 10, 30):
        pairs[f"7-Scenes + {gap}"] = list(depth_pairs(rooms, extractor, gap, 15, DEPTH_INLIER_PX))
    desk = open_source("tum", sequences / "tum_fr1_10")
    pairs["TUM fr1 + 5"] = list(depth_pairs(desk, extractor, 5, 1, DEPTH_INLIER_PX))
    street = open_source("kitti", sequences / "kitti_stereo_30")
    for gap in (1, 3):
        pairs[f"KITTI + {gap}"] = list(epipolar_pairs(street, extractor, gap, 3))
    flight = open_source("euroc", sequences / "euroc_v101_moving_90", mode=Mode.MONO)
    pairs["EuRoC + 10"] = list(epipolar_pairs(flight, extractor, 10, 5))
    return pairs


if __name__ == "__main__":
    main()
