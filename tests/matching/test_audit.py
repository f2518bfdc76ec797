"""The live audit: which frames, what it learns, and that a replay repeats it."""

import numpy as np
import pytest
from matching_views import make_view

from slam.matching.adaptive import LightGlueMatcher
from slam.matching.audit import Audit, disagreement
from slam.matching.calibration import ExitPath, ExitStep
from slam.matching.early_exit import ExitPolicy
from slam.types import Matches

STEPS = tuple(ExitStep((threshold,) * 3, 0.9, -1.0, bound, 0, 0, 4, 4) for threshold, bound in
              [(1.001, 0.0), (0.9, 0.01), (0.8, 0.03), (0.5, 0.2)])  # fmt: skip
PATH = ExitPath(512, "predicted", 300, 100, "0", STEPS, ())


def found(*pairs):
    index_a, index_b = np.array(pairs, np.int64).reshape(-1, 2).T
    return Matches(index_a, index_b, np.ones(len(index_a), np.float32))


FULL, HALF, NONE = found((0, 0), (1, 1)), found((0, 0)), found()


def test_one_frame_in_a_hundred_is_audited_and_always_the_same_ones():
    audit, again, other = Audit(PATH, 0.02), Audit(PATH, 0.02), Audit(PATH, 0.02, seed=1)
    wanted = [i for i in range(5000) if audit.wants(i)]
    assert 30 < len(wanted) < 75
    assert wanted == [i for i in range(5000) if again.wants(i)] != [i for i in range(5000) if other.wants(i)]


def test_the_loss_is_one_minus_intersection_over_union():
    assert disagreement(FULL, FULL) == disagreement(NONE, NONE) == 0.0
    assert disagreement(HALF, FULL) == disagreement(FULL, HALF) == 0.5
    assert disagreement(found((0, 1)), found((0, 0))) == 1.0


def test_the_level_moves_by_gamma_times_the_surprise():
    audit = Audit(PATH, 0.02, gamma=0.1)
    assert audit.level == 0.02 and PATH.at(audit.level).thresholds[0] == 0.9
    audit.observe(FULL, FULL)
    assert audit.level == pytest.approx(0.02 + 0.1 * 0.02)
    assert audit.observe(HALF, FULL) == 0.5
    assert audit.level == pytest.approx(0.022 + 0.1 * (0.02 - 0.5))
    assert PATH.at(audit.level).thresholds[0] > 1.0  # full depth


def test_the_level_never_passes_the_fastest_step():
    audit = Audit(PATH, 0.15, gamma=1.0)
    for _ in range(10):
        audit.observe(FULL, FULL)
    assert audit.level == 0.2 and PATH.at(audit.level).thresholds[0] == 0.5


def test_in_the_long_run_the_loss_stays_at_eps_against_the_worst_frames():
    audit, eps, gamma, count = Audit(PATH, 0.05, gamma=0.05), 0.05, 0.05, 2000
    for _ in range(count):
        leaves = PATH.at(audit.level).thresholds[0] <= 1.0
        audit.observe(NONE if leaves else FULL, FULL)
    assert audit.report.loss <= eps + (eps + gamma) / (gamma * count)
    assert audit.report.loss > 0.5 * eps


def test_the_report_holds_the_mean_between_its_bounds():
    audit = Audit(PATH, 0.02)
    assert audit.report.count == 0 and (audit.report.low, audit.report.high) == (0.0, 1.0)
    for early in [FULL] * 30 + [HALF] * 10:
        audit.observe(early, FULL)
    report = audit.report
    assert report.count == 40 and report.loss == pytest.approx(0.125)
    assert 0.0 < report.low < 0.125 < report.high < 0.4


def test_an_audit_of_a_real_matcher_sees_what_early_answers_lose(network):
    early = LightGlueMatcher(network, ExitPolicy(0.9, -1.0, (0.0,) * 4, 4), filter_threshold=0.0)
    full = early.with_exits(ExitPolicy.off(4))
    a, b = make_view(60, 1), make_view(60, 2)
    audit = Audit(PATH, 0.02)
    loss = audit.observe(early.match(a, b), full.match(a, b))
    assert early.match(a, b).exit_layer == 1 and full.match(a, b).exit_layer == 4
    assert 0.0 < loss <= 1.0 and audit.report.loss == loss


def test_the_same_observations_give_the_same_levels():
    levels = []
    for _ in range(2):
        audit = Audit(PATH, 0.02)
        levels.append([audit.observe(early, FULL) * 0 + audit.level for early in (FULL, HALF, FULL, NONE)])
    assert levels[0] == levels[1]
