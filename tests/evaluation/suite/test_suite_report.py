"""The report of a suite: one file that holds everything, with every case, run and failure in it."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from command_line import short_recording

from slam.evaluation.suite.records import CaseResult, RunFigures, Spread, SuiteCase, SuiteResults, read_results
from slam.evaluation.suite.report import write_report
from slam.evaluation.suite.report_table import header, row
from slam.evaluation.suite.run_curves import run_curves
from slam.evaluation.suite.runner import SuiteOptions, bench_suite

VOID = {"meta", "br", "link", "img"}


class Page(HTMLParser):
    """Whatever a browser would fetch, tags that are left open, and the text."""

    def __init__(self, text):
        super().__init__()
        self.fetched, self.open, self.words, self.tags = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        values = {name: value for name, value in attrs if name in ("src", "href", "xlink:href", "srcset", "data")}
        self.fetched += [value for value in values.values() if not value.startswith("#")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    recordings = tmp_path_factory.mktemp("suite") / "mine"
    short_recording(recordings / "short <b>", 4)  # too few for a monocular map
    (recordings / "empty").mkdir()
    (recordings / "empty" / "rgb.txt").write_text("# nothing\n")
    out = tmp_path_factory.mktemp("out")
    return bench_suite(SuiteOptions(str(recordings), out, out, repeats=2), "slam bench mine", lambda words: None)


@pytest.fixture(scope="module")
def text(folder):
    return (folder / "report.html").read_text()


def test_the_report_is_whole_and_fetches_nothing(text):
    page = Page(text)
    assert page.open == [] and page.fetched == []
    assert "url(http" not in text and "@import" not in text and "<script" not in text
    assert len(text) < 400_000  # bytes, for three cases


def test_every_case_has_its_pictures_its_row_and_its_failures(text):
    page = Page(text)
    words = " ".join(page.words)
    assert page.tags.count("svg") == 5  # path, time, cost of two cases; no path where no map was started
    assert "3 cases, 6 runs" in words and "2 failed, 2 never started a map" in words
    assert words.count("exit code 2: ") == 2
    assert "short <b> rgbd" in words and "<b> rgbd" not in text  # names are no markup


def test_the_pictures_take_their_colours_from_the_page(text):
    assert "var(--estimate)" in text and "#0101" not in text
    drawn = " ".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))
    assert set(re.findall(r"(?:fill|stroke): (#[0-9a-f]{6})", drawn)) == set()


def test_ticks_keep_their_digits(text):
    labels = re.findall(r"<text[^>]*>(-?[\d.]+)</text>", text.replace("\u2212", "-"))
    assert any(re.fullmatch(r"-?\d\.\d\d", label) for label in labels)


def test_a_report_of_runs_whose_files_are_gone_has_the_table_alone(folder, tmp_path):
    (tmp_path / "results.json").write_bytes((folder / "results.json").read_bytes())
    page = Page(write_report(tmp_path).read_text())
    assert "svg" not in page.tags and "short <b> rgbd" in " ".join(page.words)


def test_curves_end_in_the_figures_of_the_run(folder):
    case = next(case for case in read_results(folder / "results.json").cases if case.case.mode == "rgbd")
    curves = run_curves(folder, case.runs[0], case.case.align)
    assert np.sqrt(np.mean(curves.final.error_m**2)) == pytest.approx(case.runs[0].ate_m, abs=1e-6)
    assert np.sqrt(np.mean(curves.causal.error_m**2)) == pytest.approx(case.runs[0].ate_causal_m, abs=1e-6)
    assert len(curves.time_s) == 4 and curves.exit_layer.max() >= 2
    assert list(curves.spans_without_pose()) == []


def test_cells_show_medians_and_spreads_only_where_runs_differ():
    spreads = {"ate_m": Spread(0.012, 0.011, 0.02, 3), "coverage": Spread(1.0, 1.0, 1.0, 3)}
    runs = (RunFigures(0, "a", tracked=1), RunFigures(1, "b", failure="x"), RunFigures(2, "c"))
    case = CaseResult(SuiteCase("one", "", "one", "tum", "one", "rgbd", "se3"), runs, spreads)
    cells = dict(zip([title for title, _ in header([case])], row(case, [case])))
    assert (cells["ATE cm"].text, cells["ATE cm"].spread) == ("1.20", "1.10 to 2.00")
    assert (cells["coverage"].text, cells["coverage"].spread) == ("100.0", "")
    assert (cells["runs"].spread, cells["runs"].bad) == ("1 failed, 1 no map", True)
    assert "KITTI %" not in cells


def test_results_are_read_back_as_they_were_written(tmp_path):
    case = CaseResult(
        SuiteCase("a", "tum", "a", "tum", "a", "mono", "sim3", ("--set", "x=1")), (RunFigures(0, "r"),), {}
    )
    results = SuiteResults("s", "slam", 1, "local", "now", "c", "h", {}, {}, {}, (case,))
    results.write(tmp_path / "results.json")
    assert read_results(tmp_path / "results.json") == results
