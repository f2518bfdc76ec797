"""``slam datasets`` as it is read and typed on: whole names in a narrow terminal, commands that run."""

import re
import shlex
from dataclasses import replace

import pytest
from command_line import called

from slam.datasets import catalog
from slam.datasets.listing import dataset_facts, sequence_table
from slam.rig_file import load_rig


@pytest.mark.parametrize("name", catalog())
def test_no_name_of_a_sequence_is_broken_at_eighty_columns(name, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    done = called(monkeypatch, capsys, "datasets", name)
    first_words = [line.split()[0] for line in done.out.splitlines() if line.strip()]
    assert done.code == 0 and {sequence.name for sequence in catalog()[name].sequences} <= set(first_words)


def test_no_name_of_a_dataset_is_broken_at_eighty_columns(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    lines = called(monkeypatch, capsys, "datasets").out.splitlines()
    assert catalog().keys() <= {line.split()[0] for line in lines if line.strip()}


@pytest.mark.parametrize("name", sorted(set(catalog()) - {"demo"}))
def test_the_command_of_a_dataset_names_its_folder_and_a_rig_that_there_is(name, tmp_path):
    dataset = catalog()[name]
    command = _command(tmp_path, dataset)
    source, folder, optional, rig = re.fullmatch(r"slam run (\S+) (\S+) (\[?)--rig (\w+)]?", command).groups()
    assert (source, folder) == (dataset.source, str(tmp_path / name / "NAME"))
    header, rows = sequence_table(tmp_path, dataset)
    for row in rows:
        shown = dict(zip(header, row))["rig"]
        assert rig in ("RIG", shown) and (shown or optional)
        assert not shown or load_rig(shown).left.fx > 0


def test_the_demo_is_run_without_a_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command = _command(tmp_path, catalog()["demo"])
    assert command == "slam run demo --mode rgbd|stereo|mono"
    done = called(monkeypatch, capsys, *shlex.split(command.split("|")[0])[1:], "--max-frames", 2, "--headless")
    assert done.code == 0


def test_a_column_without_a_word_is_left_out(tmp_path):
    dataset = catalog()["euroc"]
    assert "also" in sequence_table(tmp_path, dataset)[0]
    nameless = replace(dataset, sequences=tuple(replace(sequence, aliases=()) for sequence in dataset.sequences))
    header, rows = sequence_table(tmp_path, nameless)
    assert "also" not in header and {len(row) for row in rows} == {len(header)}


def _command(root, dataset):
    return dict(dataset_facts(root, dataset))["run it with"]
