"""Our figures are evo's figures. evo is imported here and nowhere in slam."""

import numpy as np
import pytest

from slam.evaluation.association import associate
from slam.evaluation.ate import ate
from slam.evaluation.rpe import rpe
from slam.trajectory import Trajectory

sync = pytest.importorskip("evo.core.sync", reason="evo is not installed: pip install 'earlybird-slam[bench]'")
metrics = pytest.importorskip("evo.core.metrics")
evo_trajectory = pytest.importorskip("evo.core.trajectory")

STATISTICS = ("rmse", "mean", "median", "std", "min", "max", "sse")


def as_evo(trajectory: Trajectory) -> object:
    first_ns = 1_700_000_000_000_000_000  # evo holds stamps as float seconds: keep their digits
    stamps_s = (trajectory.stamps_ns - first_ns) * 1e-9
    return evo_trajectory.PoseTrajectory3D(poses_se3=list(trajectory.T_world_cam), timestamps=stamps_s)


def evo_figures(est, gt, relation, metric, correct_scale, max_diff_s=0.01):
    evo_gt, evo_est = sync.associate_trajectories(as_evo(gt), as_evo(est), max_diff=max_diff_s)
    evo_est.align(evo_gt, correct_scale=correct_scale)
    measured = metric(relation)
    measured.process_data((evo_gt, evo_est))
    return measured.get_all_statistics()


@pytest.mark.parametrize("align", ["se3", "sim3"])
@pytest.mark.parametrize("max_diff_s", [0.01, 0.001])
def test_absolute_error_is_evos(pair, align, max_diff_s):
    est, gt = pair
    ours = ate(est, gt, align, max_diff_s)
    theirs = evo_figures(
        est, gt, metrics.PoseRelation.translation_part, metrics.APE, align == "sim3", max_diff_s=max_diff_s
    )
    for name in STATISTICS:
        assert getattr(ours, name) == pytest.approx(theirs[name], rel=1e-9, abs=1e-9), name


@pytest.mark.parametrize("delta", [1, 7])
def test_relative_error_is_evos(pair, delta):
    est, gt = pair
    ours = rpe(est, gt, delta, ate(est, gt, "sim3").scale)
    for relation, figures in (
        (metrics.PoseRelation.translation_part, ours.translation_m),
        (metrics.PoseRelation.rotation_angle_deg, ours.rotation_deg),
    ):
        theirs = evo_figures(est, gt, relation, lambda r: metrics.RPE(r, float(delta)), True)
        for name in STATISTICS:
            assert getattr(figures, name) == pytest.approx(theirs[name], rel=1e-9, abs=1e-9), name


@pytest.mark.parametrize("swapped", [False, True])
def test_association_is_evos_whichever_trajectory_is_longer(pair, swapped):
    est, gt = pair[::-1] if swapped else pair
    index_est, index_gt = associate(est.stamps_ns, gt.stamps_ns, 0.004)
    evo_gt, evo_est = sync.associate_trajectories(as_evo(gt), as_evo(est), max_diff=0.004)
    np.testing.assert_allclose(evo_est.positions_xyz, est.T_world_cam[index_est, :3, 3], atol=1e-12)
    np.testing.assert_allclose(evo_gt.positions_xyz, gt.T_world_cam[index_gt, :3, 3], atol=1e-12)
