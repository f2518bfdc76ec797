"""Published tables: every file of datasets/published is whole, and what is wrong in one is said."""

import pytest

from slam.data_files import data_dir
from slam.datasets.catalog import catalog
from slam.errors import ConfigError, DatasetError
from slam.evaluation.suite.cases import SUITES
from slam.evaluation.suite.published import ROUNDING_M, published_tables, read_published

TABLES = {table.name: table for table in published_tables()}
PROTOCOLS = '[plain]\nframes = "all"\nalign = "SE3"\nruns = "1"\n'
TABLE = """
title = "T"
dataset = "tum"
mode = "rgbd"
align = "se3"
sequences = ["fr1_desk", "fr1_xyz"]
[[rows]]
system = "A"
values = [0.010, 0.030]
mean = 0.020
protocol = "plain"
source = "a paper"
mark = "P"
"""


def read(folder, text=TABLE):
    (folder / "protocols.toml").write_text(PROTOCOLS)
    (folder / "t.toml").write_text(text)
    return read_published(folder)


def test_every_file_is_a_table():
    files = {path.stem for path in (data_dir("datasets") / "published").glob("*.toml")}
    assert files == {*TABLES, "protocols"}
    assert sum(len(table.rows) for table in TABLES.values()) > 80


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_about_sequences_that_a_suite_runs_that_way(name):
    table = TABLES[name]
    ours = {(c.dataset, c.sequence, c.mode, c.align) for suite in SUITES.values() for c in suite()}
    assert table.dataset in catalog()
    named = {(table.dataset, sequence, table.mode, table.align) for sequence in table.full_names()}
    assert named & ours


@pytest.mark.parametrize("name", TABLES)
def test_means_are_those_of_the_figures_or_a_note_says_why_not(name):
    for row in TABLES[name].rows:
        if row.figures and row.mean is not None and not row.mean_note:
            assert row.mean == pytest.approx(sum(row.figures) / len(row.figures), abs=ROUNDING_M), row.system


def test_protocols_that_flatter_are_said_in_words():
    stereo = {row.system: row for row in TABLES["euroc_stereo"].rows}
    assert "scale corrected" in stereo["DROID-SLAM"].align and "scale corrected" in stereo["GO-SLAM"].align
    assert "KEYFRAMES ONLY" in stereo["AirSLAM, with loops and map optimisation"].frames
    assert stereo["pySLAM, ORB2"].mean_of == 9


def test_a_row_takes_its_protocol_and_may_replace_a_part_of_it(tmp_path):
    row = read(tmp_path, TABLE + 'runs = "5"\n')[0].rows[0]
    assert (row.frames, row.align, row.runs, row.mean_of, row.hardware) == ("all", "SE3", "5", 2, "")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("mean = 0.020", "mean = 0.025", "mean 0.025 of 2 is not that of its 2 figures, 0.0200"),
        ("0.030]", '"failed"]', "mean 0.02 of 1 is not that of its 1 figures"),
        ("0.030]", '"gone"]', "value 'gone' is neither metres"),
        ("0.030]", "300.0]", "value 300.0 is neither metres"),
        ("0.030]", "3]", "value 3 is neither metres"),
        (", 0.030]", "]", "has 1 values for 2 sequences"),
        ("values = [0.010, 0.030]\nmean = 0.020", "", "neither a value nor a mean"),
        ('mark = "P"', 'mark = "M"', "needs a source and a mark"),
        ('"a paper"', '""', "needs a source and a mark"),
        ('"plain"', '"fancy"', "protocol 'fancy' is not in protocols.toml"),
        ('mode = "rgbd"', 'mode = "lidar"', "mode 'lidar' or align 'se3' is none of ours"),
    ],
)
def test_a_wrong_row_is_named(tmp_path, old, new, message):
    assert old in TABLE
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, TABLE.replace(old, new, 1))


def test_a_mean_of_other_sequences_needs_a_reason(tmp_path):
    other = TABLE.replace("mean = 0.020", "mean = 0.020\nmean_of = 7")
    with pytest.raises(ConfigError, match="say why in its mean_note"):
        read(tmp_path, other)
    assert read(tmp_path, other + 'mean_note = "of more"\n')[0].rows[0].mean_of == 7


def test_a_sequence_that_no_dataset_has_is_named(tmp_path):
    with pytest.raises(DatasetError, match="no sequence 'fr1_desc'; did you mean 'fr1_desk'"):
        read(tmp_path, TABLE.replace("fr1_desk", "fr1_desc"))
