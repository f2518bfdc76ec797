"""Our figures on the trajectories that evo publishes in its own tests are evo's, those it published among them.

The files are GPL-3 and are not in this repository. `pip download evo==1.38.1 --no-deps --no-binary evo`, unpack it, and
set EVO_TEST_DATA to its folder test/data.
"""

import json
import os
import zipfile
from pathlib import Path

import pytest

from slam.evaluation.compare_files import EvaluateOptions, evaluate_files

sync = pytest.importorskip("evo.core.sync", reason="evo is not installed: pip install 'earlybird-slam[bench]'")
metrics = pytest.importorskip("evo.core.metrics")
reading = pytest.importorskip("evo.tools.file_interface")

STATISTICS = ("rmse", "mean", "median", "std", "min", "max", "sse")
DATA = os.environ.get("EVO_TEST_DATA", "")
pytestmark = pytest.mark.skipif(not DATA, reason="EVO_TEST_DATA is not set: the folder test/data of evo's sdist")
PAIRS = {
    "kitti orb": ("KITTI_00_ORB.txt", "KITTI_00_gt.txt"),
    "kitti sptam": ("KITTI_00_SPTAM.txt", "KITTI_00_gt.txt"),
    "euroc": ("V102.txt", "V102_groundtruth.csv"),
    "fr2_desk": ("fr2_desk_ORB.txt", "fr2_desk_groundtruth.txt"),
    "fr2_desk keyframes": ("fr2_desk_ORB_kf_mono.txt", "fr2_desk_groundtruth.txt"),
    "fr1_xyz": ("freiburg1_xyz-rgbdslam.txt", "freiburg1_xyz-groundtruth.txt"),
    "fr1_xyz drift": ("freiburg1_xyz-rgbdslam_drift.txt", "freiburg1_xyz-groundtruth.txt"),
    "fr1_xyz keyframes": ("freiburg1_xyz-ORB_kf_mono.txt", "freiburg1_xyz-groundtruth.txt"),
}
# KITTI's matrices have six digits; ours are made exact rotations, evo takes them as they are.
ROTATION_DIGITS = 2e-6  # deg, m
LEVER_M = 1e-4  # of the first rotation's error at 500 m


def evos(pair, align):
    """evo's two trajectories, associated and aligned."""
    est, gt = (Path(DATA) / name for name in PAIRS[pair])
    if pair.startswith("kitti"):
        est, gt = (reading.read_kitti_poses_file(path) for path in (est, gt))
    else:
        read_truth = reading.read_euroc_csv_trajectory if pair == "euroc" else reading.read_tum_trajectory_file
        gt, est = sync.associate_trajectories(read_truth(gt), reading.read_tum_trajectory_file(est), max_diff=0.01)
    if align == "origin":
        est.align_origin(gt)
    elif align != "none":
        est.align(gt, correct_scale=align == "sim3")
    return gt, est


def ours(pair, align, delta=1):
    est, gt = (Path(DATA) / name for name in PAIRS[pair])
    return evaluate_files(est, gt, EvaluateOptions(align, delta_frames=delta))


def measured(metric, trajectories):
    metric.process_data(trajectories)
    return metric.get_all_statistics()


def equal(figures, theirs, tolerance=1e-9):
    for name in STATISTICS:
        assert getattr(figures, name) == pytest.approx(theirs[name], rel=tolerance, abs=tolerance), name


@pytest.mark.parametrize("align", ["none", "origin", "se3", "sim3"])
@pytest.mark.parametrize("pair", PAIRS)
def test_absolute_errors_are_evos(pair, align):
    tolerance = LEVER_M if pair.startswith("kitti") and align == "origin" else 1e-9
    equal(
        ours(pair, align).ate,
        measured(metrics.APE(metrics.PoseRelation.translation_part), evos(pair, align)),
        tolerance,
    )


@pytest.mark.parametrize("delta", [1, 10])
@pytest.mark.parametrize("pair", PAIRS)
def test_relative_errors_are_evos(pair, delta):
    found, trajectories = ours(pair, "sim3", delta).rpe, evos(pair, "sim3")
    tolerance = ROTATION_DIGITS if pair.startswith("kitti") else 1e-9
    for relation, figures in (("translation_part", found.translation_m), ("rotation_angle_deg", found.rotation_deg)):
        theirs = metrics.RPE(getattr(metrics.PoseRelation, relation), delta, metrics.Unit.frames)
        equal(figures, measured(theirs, trajectories), tolerance)


@pytest.mark.parametrize(("pair", "archive"), [("kitti orb", "orb_ape.zip"), ("kitti sptam", "sptam_ape.zip")])
def test_errors_are_those_that_evo_published_with_its_trajectories(pair, archive):
    with zipfile.ZipFile(Path(DATA) / "res_files" / archive) as file:
        published = json.loads(file.read("stats.json"))
    equal(ours(pair, "se3").ate, published)
