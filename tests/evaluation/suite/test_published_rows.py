"""Our rows inside the published tables: in the tables they belong to, with what makes them incomplete."""

import pytest

from slam.evaluation.suite.published_rows import published_for
from slam.evaluation.suite.records import CaseResult, RunFigures, SuiteCase, SuiteResults
from slam.evaluation.suite.runner import spreads


def case(dataset, sequence, mode, align, errors, coverage=1.0):
    runs = tuple(
        RunFigures(seed, f"{sequence}/{seed}", "" if error else "exit code 2: no", ate_m=error, coverage_final=coverage)
        for seed, error in enumerate(errors)
    )
    where = SuiteCase(f"{sequence} {mode}", dataset, sequence, "tum", sequence, mode, align)
    return CaseResult(where, runs, spreads(runs))


def shown(*cases):
    about = ("s", "slam bench s", 3, "local", "now", "abc123", "h", {}, {}, {"cpu": "EPYC", "cores": 2})
    return {table.title: table for table in published_for(SuiteResults(*about, tuple(cases)))}


def test_our_row_is_on_top_with_medians_and_the_mean_of_as_many():
    desk = case("tum", "freiburg1_desk", "rgbd", "se3", (0.020, 0.010, 0.012))
    xyz = case("tum", "freiburg2_xyz", "rgbd", "se3", (0.004, 0.004, 0.004))
    row = shown(desk, xyz)["TUM RGB-D, with depth"].rows[0]
    assert row.is_ours and row.cells == ("0.012", "", "", "0.004", "", "0.008 (of 2)")
    assert row.hardware == "EPYC, 2 cores" and "commit abc123" in row.source and "SE3" in row.protocol


def test_failed_runs_and_missing_frames_are_in_the_cell():
    whole = case("tum", "freiburg1_desk", "mono", "sim3", (None, None))
    partly = case("tum", "freiburg1_xyz", "mono", "sim3", (0.010, None, 0.012), coverage=0.9)
    row = shown(whole, partly)["TUM RGB-D freiburg1, one camera"].rows[0]
    assert row.cells[1] == "failed" and row.cells[8] == "0.011 (1 of 3 failed, 90.0% of frames)"
    assert row.cells[-1] == "0.011 (of 1)"


def test_where_all_of_ours_fail_there_is_no_mean():
    row = shown(case("tum", "freiburg1_desk", "mono", "sim3", (None,)))["TUM RGB-D freiburg1, one camera"].rows[0]
    assert row.cells[1] == "failed" and row.cells[-1] == ""


@pytest.mark.parametrize("dataset", ["rendered", ""])
def test_recordings_that_nobody_published_about_have_no_table(dataset):
    assert shown(case(dataset, "room_1", "rgbd", "se3", (0.01,))) == {}


def test_a_way_of_running_has_its_own_tables():
    inertial = shown(case("euroc", "MH_01_easy", "mono", "se3", (0.05,)))
    stereo = shown(case("euroc", "MH_01_easy", "stereo", "se3", (0.03,)))
    assert list(inertial) == ["EuRoC, with inertial samples"]
    assert list(stereo) == ["EuRoC, others' systems as independent people ran them", "EuRoC, two cameras"]


def test_figures_of_others_are_theirs_with_protocol_and_source():
    rows = {
        row.name: row for row in shown(case("euroc", "MH_01_easy", "stereo", "se3", (0.03,)))["EuRoC, two cameras"].rows
    }
    assert rows["pySLAM, ORB2"].cells[7:] == ("left out", "0.071", "0.625", "left out", "0.126 (of 9)")
    assert "scale corrected, with two cameras too" in rows["DROID-SLAM"].protocol
    assert "KEYFRAMES ONLY" in rows["AirSLAM, with loops and map optimisation"].protocol
    assert rows["SVO"].protocol == "frames: not known; aligned: not known; runs: not known"
    assert rows["cuVSLAM"].cells == ("",) * 11 + ("0.054",)
    assert rows["AirVIO (AirSLAM without loops)"].source.endswith("the mean as printed; that of its figures is .112")
