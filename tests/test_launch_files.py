"""Every file in launch/ and datasets/ says something that the program understands."""

import tomllib

import pytest

from slam.data_files import data_dir
from slam.rig_file import rig_names
from slam.running.options import RunOptions, effective_config, launch_names, with_launch_file
from slam.sources import SOURCES
from slam.types import Mode

DATASETS = sorted(data_dir("datasets").glob("*.toml"))


@pytest.mark.parametrize("name", launch_names())
def test_every_launch_file_loads_into_a_configuration_of_a_known_source(name):
    options, settings = with_launch_file(RunOptions(name))
    effective_config(options, settings)
    assert options.source in SOURCES
    assert options.mode is None or Mode(options.mode)
    assert options.rig is None or options.rig in rig_names()


def test_no_launch_file_hides_behind_a_source_of_its_name():
    assert not set(launch_names()) & set(SOURCES)


def test_every_launch_file_is_in_the_readme():
    text = (data_dir("launch") / "README.md").read_text()
    assert [name for name in launch_names() if f"| {name} |" not in text] == []


@pytest.mark.parametrize("path", DATASETS, ids=lambda path: path.stem)
def test_every_dataset_names_a_known_source_and_known_rigs(path):
    values = tomllib.loads(path.read_text())
    assert values["source"] in SOURCES
    assert values["layout"] and values["ground_truth"] and values["licence"]
    for sequences in values["sequences"]:
        assert sequences["names"]
        assert sequences["rig"] in (*rig_names(), "") or values["source"] == "demo"
