"""What changed beyond noise: failures count, one run proves nothing, other hardware is never judged."""

from dataclasses import replace

import numpy as np
import pytest
from command_line import called
from scipy.stats import t as student
from scipy.stats import ttest_1samp

from slam.evaluation.suite.compare import Verdict, compare
from slam.evaluation.suite.compare_noise import beyond_noise, rank_p, ratio_test, smallest_p
from slam.evaluation.suite.compare_tables import comparison_page, comparison_text
from slam.evaluation.suite.records import CaseResult, RunFigures, SuiteCase, SuiteResults
from slam.evaluation.suite.runner import spreads

NOISY = (0.010, 0.011, 0.012, 0.013, 0.014)  # m


def case(errors, ms=(20.0,), hashes=None, name="desk", cpu_s=None, **about):
    runs = tuple(
        RunFigures(
            seed, "r", "exit code 2" if error is None else "", frames=9, tracked=0 if error is None else 9,
            coverage=0.0 if error is None else 1.0, ate_m=error,
            latency_ms={"total": {"p50": ms[seed % len(ms)], "p95": 30.0, "p99": 40.0}},
            cpu_s=cpu_s[seed] if cpu_s else None,
            trajectory_sha256=hashes[seed] if hashes else f"{error}-{seed}-{id(errors)}",
        )
        for seed, error in enumerate(errors)
    )  # fmt: skip
    where = SuiteCase(name, "tum", name, "tum", name, "rgbd", "se3")
    return CaseResult(replace(where, **about), runs, spreads(runs), "data")


def results(*cases, **about):
    plain = SuiteResults("s", "slam", 5, "local", "now", "c", "h", {}, {"numpy": "2"}, {"cpu": "EPYC"}, tuple(cases))
    return replace(plain, **about)


def verdicts(a, b, figure="ATE cm"):
    return [change.verdict for change in compare(results(*a), results(*b)).changes if change.figure.title == figure]


def verdict(a, b, figure="ATE cm"):
    (only,) = verdicts([a], [b], figure)
    return only


def test_runs_with_the_same_trajectories_are_the_same_whatever_their_figures_say():
    found = compare(results(case(NOISY, hashes="abcde")), results(case(NOISY[:2], hashes="ab")))
    assert found.same_cases == ("desk",) and found.changes[0].verdict is Verdict.SAME


def test_any_difference_between_deterministic_runs_counts():
    before, worse = case((0.010,) * 3, hashes="aaa"), case((0.0101,) * 3, hashes="bbb")
    assert verdict(before, worse) is Verdict.WORSE
    assert verdict(worse, before) is Verdict.BETTER
    assert verdict(before, case((0.010,) * 3, hashes="ccc")) is Verdict.SAME


def test_one_run_on_a_side_proves_nothing():
    assert verdict(case((0.010,)), case((0.5,) * 5)) is Verdict.UNKNOWN
    assert verdict(case((0.010,)), case((0.5,))) is Verdict.UNKNOWN
    assert verdict(case((0.010,)), case((0.010,))) is Verdict.SAME


def test_differences_within_the_spread_are_noise_and_beyond_it_are_not():
    assert verdict(case(NOISY), case(NOISY[::-1])) is Verdict.NOISE
    assert verdict(case(NOISY), case([error + 0.001 for error in NOISY])) is Verdict.NOISE
    assert verdict(case(NOISY), case([error + 0.010 for error in NOISY])) is Verdict.WORSE


def test_a_failed_run_has_an_infinite_error():
    assert verdict(case(NOISY), case((None,) * 5)) is Verdict.WORSE
    assert verdict(case((None,) * 5), case(NOISY)) is Verdict.BETTER
    assert verdict(case(NOISY), case((None,) * 5), "coverage %") is Verdict.WORSE
    assert verdicts([case((None, None))], [case((None, None))]) == []  # nothing to compare


def test_many_comparisons_need_stronger_evidence():
    rng = np.random.default_rng(0)
    names = [f"case {number}" for number in range(40)]
    before, after = ([case(rng.normal(0.02, 0.002, 5), name=name) for name in names] for _ in range(2))
    raw = [rank_p([r.ate_m for r in a.runs], [r.ate_m for r in b.runs]) for a, b in zip(before, after)]
    assert min(raw) < 0.05
    assert set(verdicts(before, after)) == {Verdict.NOISE}


def test_costs_are_judged_by_their_ratio():
    slow, fast = (24.0, 25.0, 26.0, 25.5, 24.5), (18.0, 17.5, 18.5, 18.2, 17.9)  # ms
    assert verdict(case(NOISY, slow), case(NOISY, fast), "latency p50 ms") is Verdict.BETTER
    assert verdict(case(NOISY, fast), case(NOISY, slow), "latency p50 ms") is Verdict.WORSE
    steady = (24.0, 24.1, 24.0, 24.1, 24.0)
    barely = [1.03 * ms for ms in steady]  # no noise within a day, but between days
    assert verdict(case(NOISY, steady), case(NOISY, barely), "latency p50 ms") is Verdict.NOISE
    paced = case(NOISY, fast, realtime=True)
    assert verdict(case(NOISY, slow), paced, "latency p50 ms") is Verdict.UNJUDGED
    assert verdict(case(NOISY[:1], slow), case(NOISY, fast), "latency p50 ms") is Verdict.UNKNOWN


def test_times_that_differ_at_equal_processor_time_are_not_judged():
    slow, fast, cpu_s = (24.0, 25.0, 26.0, 25.5, 24.5), (18.0, 17.5, 18.5, 18.2, 17.9), (6.0, 6.1, 6.2, 6.05, 6.15)
    before, busy = case(NOISY, fast, cpu_s=cpu_s), case(NOISY, slow, cpu_s=cpu_s)
    assert verdict(before, busy, "latency p50 ms") is Verdict.UNJUDGED
    more = case(NOISY, slow, cpu_s=[1.3 * value for value in cpu_s])
    assert verdict(before, more, "latency p50 ms") is Verdict.WORSE
    assert verdict(before, more, "CPU s") is Verdict.WORSE


@pytest.mark.parametrize("about", [{"hardware": {"cpu": "i7"}}, {"engine": "ray, 2 runs at once"}])
def test_costs_of_other_machines_are_not_judged_and_it_is_said_first(about):
    a, b = results(case(NOISY, (20.0, 21.0))), results(case(NOISY, (90.0, 91.0)), **about)
    found = compare(a, b)
    assert {c.verdict for c in found.changes if c.figure.is_cost} == {Verdict.UNJUDGED}
    assert found.warnings[0].startswith("OTHER") and "not judged" in found.warnings[0]
    assert comparison_text(found, a, b).index("OTHER") < comparison_text(found, a, b).index("Figures:")


def test_whatever_else_differs_is_said():
    a = results(case(NOISY, options=("--fps", "30")), case(NOISY, name="gone"), case(NOISY, name="pace"))
    b = results(
        case(NOISY), replace(case(NOISY, name="new")), case(NOISY, name="pace", realtime=True),
        config_sha256="other", weights_sha256={"w": "1"}, versions={"numpy": "3"},
    )  # fmt: skip
    said = "\n".join(compare(a, b).warnings)
    for words in (
        "OTHER configuration: h against other", "OTHER weights", "numpy: 2 against 3", "desk: other options: --fps 30",
        "only in the first: gone", "only in the second: new", "pace: one was paced in real time",
    ):  # fmt: skip
        assert words in said


def test_other_recordings_or_alignments_are_not_compared():
    other = replace(case(NOISY), data_sha256="other")
    for changed, words in ((other, "the recordings differ"), (case(NOISY, align="sim3"), "mode or alignment differ")):
        found = compare(results(case(NOISY)), results(changed))
        assert found.changes == () and f"{words}, so it is NOT COMPARED" in found.warnings[0]


def test_the_text_has_what_changed_and_the_page_has_everything():
    a = results(case(NOISY, (20.0, 21.0)), case(NOISY, name="<b>"))
    b = results(case([error + 0.01 for error in NOISY], (20.5, 20.6)), case((None,) * 5, name="<b>"))
    found = compare(a, b)
    text, page = comparison_text(found, a, b), comparison_page(found, a, b)
    assert "| desk | ATE cm | 1.200 (1.000 to 1.400) | 2.200 (2.000 to 2.400) | +83.3 % | worse | 0.0079 |" in text
    assert "| <b> | ATE cm | 1.200 (1.000 to 1.400) | failed |" in text and "latency" not in text
    assert "latency p50 ms" in page and "&lt;b&gt;" in page and "http" not in page
    assert "latency" in comparison_text(found, a, b, with_all=True)


def test_text_of_no_change():
    a = results(case(NOISY, hashes="abcde"))
    assert "Nothing changed beyond noise." in comparison_text(compare(a, a), a, a)
    assert "Byte-identical trajectories: desk." in comparison_text(compare(a, a), a, a)
    none = results()
    assert "Figures: none in both." in comparison_text(compare(none, none), none, none)


def test_the_command_compares_folders_and_may_fail_on_worse(tmp_path, monkeypatch, capsys):
    for name, errors in (("a", NOISY), ("b", [error + 0.01 for error in NOISY])):
        (tmp_path / name).mkdir()
        results(case(errors)).write(tmp_path / name / "results.json")
    a, b, page = tmp_path / "a", tmp_path / "b", tmp_path / "new" / "page.html"

    def answer(*words):
        return called(monkeypatch, capsys, "bench", "compare", *words)

    assert answer(a, b, "--html", page).code == 0 and page.exists()
    assert answer(a, b, "--fail-on-worse").code == 1
    assert answer(b, a, "--fail-on-worse").code == 0
    missing = answer(a, tmp_path)
    assert missing.code == 2 and "holds no results.json" in missing.err


def test_p_values_of_ranks_are_exact():
    assert rank_p((1, 2, 3, 4, 5), (6, 7, 8, 9, 10)) == pytest.approx(smallest_p(5, 5)) == pytest.approx(2 / 252)
    assert rank_p((1, 1), (1, 1)) == 1.0
    assert rank_p((1, 2, 3), (float("inf"),) * 3) == pytest.approx(2 / 20)


def test_the_interval_of_a_ratio_holds_the_ratio():
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(400):
        test = ratio_test(20 * np.exp(rng.normal(0, 0.1, 5)), 30 * np.exp(rng.normal(0, 0.1, 5)))
        inside += test.low < 1.5 < test.high
    assert 0.92 < inside / 400 < 0.98
    wide, tight = np.exp([0.0, 1.0, 2.0]), np.exp([3.0, 3.1])
    freedom = (1 / 3 + 0.005 / 2) ** 2 / ((1 / 3) ** 2 / 2 + (0.005 / 2) ** 2)  # Welch and Satterthwaite
    t = (3.05 - 1.0) / np.sqrt(1 / 3 + 0.005 / 2)
    assert ratio_test(wide, tight).p == pytest.approx(2 * student.sf(t, freedom))
    assert ratio_test((2.0, 2.0), (3.0, 3.0)) == (1.5, 1.5, 1.5, 0.0)
    assert ratio_test((2.0, 2.0), (2.0, 2.0)).p == 1.0


@pytest.mark.filterwarnings("error")
def test_a_side_without_noise_is_a_known_value_for_the_other_and_says_nothing():
    noisy = [480.0, 483.0, 481.0]  # MB
    test = ratio_test([477.0] * 3, noisy)
    assert test.p == pytest.approx(ttest_1samp(np.log(noisy), np.log(477.0)).pvalue)
    assert ratio_test(noisy, [477.0] * 3).p == pytest.approx(test.p)
    assert ratio_test([477.0] * 3, np.nextafter(480.0, [0, 480, 481])).p < 1e-6


def test_correction_is_benjamini_and_hochbergs():
    assert beyond_noise([0.01, 0.02, 0.03, 0.5]) == [True, True, True, False]
    assert beyond_noise([0.04, 0.5, 0.5, 0.5]) == [False] * 4
    assert beyond_noise([]) == []
