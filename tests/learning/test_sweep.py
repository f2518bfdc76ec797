"""Sweeps of very short trainings: every combination with every seed, none made twice, no winner within noise."""

import json
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import called

from slam.errors import ConfigError
from slam.learning.sweep import SweepOptions, Trained, _trainings, command, finished, run_sweep, train
from slam.learning.sweep_plan import Plan, read_plan, words
from slam.learning.sweep_table import sweep_table, verdict

SIZES = {"features": "sift", "keypoints": 160, "scenes": 5, "layers": 2, "batch": 4, "steps": 2}


@pytest.fixture
def plan(photos):
    return Plan("matcher", (0, 1), 1, "", {"images": str(photos), **SIZES}, {"width": (16, 32)})


def the_same(found):
    return [(one.values, one.seed, one.figures, one.steps, one.failure) for one in found]


def kill_the_first_worker(photos, killed):
    """Kill -9 the Ray worker that waits for the first training that is seen."""
    end_s = time.monotonic() + 60
    while not killed and time.monotonic() < end_s:
        for entry in Path("/proc").iterdir():
            try:
                said = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdecimal() else []
                if str(photos).encode() in said and b"train" in said:
                    worker = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                    os.kill(worker, 9)
                    killed.append(worker)
                    return
            except OSError:
                continue  # it has ended meanwhile
        time.sleep(0.05)


@pytest.mark.slow
def test_every_combination_is_trained_once_and_a_killed_worker_changes_no_figure(plan, photos, tmp_path):
    pytest.importorskip("ray")
    here = run_sweep(plan, SweepOptions(tmp_path / "here"), lambda line: None)
    assert [(one.values["width"], one.seed) for one in here] == [(16, 0), (16, 1), (32, 0), (32, 1)]
    assert all(one.steps == 2 and 0 <= one.figures["recall"] <= 1 and not one.failure for one in here)

    killed = []
    killer = threading.Thread(target=kill_the_first_worker, args=(photos, killed))
    killer.start()
    options = SweepOptions(tmp_path / "ray", "ray", workers=2, shares_disk=False)
    away = run_sweep(plan, options, lambda line: None)
    killer.join()
    assert len(killed) == 1
    assert the_same(away) == the_same(here)
    assert (tmp_path / "ray" / "width=32_seed=1" / "matcher.pt").is_file()
    assert not (tmp_path / "ray" / "width=32_seed=1" / "cache").exists()

    said = []
    again = run_sweep(plan, options, said.append)
    assert the_same(again) == the_same(here) and [one.wall_s for one in again] == [one.wall_s for one in away]
    assert len((tmp_path / "ray" / "sweep.csv").read_text().splitlines()) == 5


@pytest.mark.slow
def test_a_training_uses_what_another_prepared_and_goes_on_from_its_checkpoint(plan, photos, tmp_path):
    first = replace(plan, seeds=(0,), grid={"width": (16,)})
    (trained,) = run_sweep(first, SweepOptions(tmp_path / "first"), lambda line: None)
    folder = tmp_path / "first" / trained.folder
    assert trained.failure == "" and (folder / "checkpoint.pt").exists()
    second = replace(first, prepared=str(folder), seeds=(7,))
    (training,) = _trainings(second, SweepOptions(tmp_path / "second"))
    assert "--resume" in command(training, folder) and "--resume" not in command(training, tmp_path)
    returned = train(training)
    assert returned.trained.failure == "" and finished(training) == returned.trained
    assert (tmp_path / "second" / "width=16_seed=7" / "cache").resolve() == (folder / "cache").resolve()


def test_a_training_that_fails_is_told_and_made_again(plan, tmp_path, monkeypatch, capsys):
    text = '[options]\nimages = "nowhere"\nsteps = 1\n'
    (tmp_path / "wrong.toml").write_text('train = "matcher"\n' + text)
    monkeypatch.chdir(tmp_path)
    done = called(monkeypatch, capsys, "sweep", "wrong.toml")
    assert done.code == 1 and "1, 1 FAILED" in done.out and "FAILED: seed=0: exit code 2: " in done.out
    (training,) = _trainings(read_plan(tmp_path / "wrong.toml"), SweepOptions(tmp_path / "training" / "wrong"))
    assert finished(training) is None
    assert json.loads((tmp_path / "training" / "wrong" / "sweep.json").read_text())["plan"]["network"] == "matcher"


def test_several_processes_are_started_by_torchrun(plan, tmp_path):
    (training, *_) = _trainings(replace(plan, processes=2), SweepOptions(tmp_path))
    line = " ".join(command(training, tmp_path))
    assert "-m torch.distributed.run --standalone --nproc-per-node 2 -m slam train matcher" in line


def test_other_options_or_another_seed_are_another_training(plan, tmp_path):
    options = SweepOptions(tmp_path)
    keys = {training.key for training in _trainings(plan, options)}
    assert len(keys) == 4
    assert keys.isdisjoint(t.key for t in _trainings(replace(plan, options=plan.options | {"steps": 3}), options))


def test_options_are_written_as_slam_train_reads_them():
    given = {"images": "photos", "recording": ["a", "b"], "learning_rate": 1e-3}
    assert words(given) == ["photos", "--recording", "a", "--recording", "b", "--learning-rate", "0.001"]


def trained(width, seed, loss):
    return Trained({"width": width}, seed, f"{width}_{seed}", {"loss": loss, "recall": 1 - loss})


def test_there_is_a_winner_only_beyond_what_seeds_differ():
    apart = [trained(16, 0, 0.50), trained(16, 1, 0.52), trained(32, 0, 0.40), trained(32, 1, 0.44)]
    assert verdict(apart, "loss").startswith("loss: best with width 32, by more than")
    assert verdict(apart, "recall").startswith("recall: best with width 32, by more than")
    close = [*apart[:2], trained(32, 0, 0.40), trained(32, 1, 0.51)]
    assert verdict(close, "loss") == "loss: best with width 32, but within what seeds differ: no winner."
    assert "a single seed cannot tell" in verdict(apart[::2], "loss")
    assert "| 16 | 2 | 0.5100 (0.5000 to 0.5200) |" in sweep_table(apart)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("train = 'places'", "write one of matcher, features"),
        ("train = 'matcher'\nwidth = 3", "unknown entry 'width'"),
        ("train = 'matcher'\nseeds = []", "at least one"),
        ("train = 'matcher'\nprocesses = 0", "a number from 1 on"),
        ("train = 'matcher'\n[grid]\nwidth = 3", "grid.width = 3; write the list of its values"),
        ("train = 'matcher'\n[options]\nseed = 3", "'seed' is given by the sweep itself"),
        ("train = 'matcher'\n[options]\nwidth = 3\n[grid]\nwidth = [3]", "in options and in grid"),
        ("train = 'matcher'", "options.images is missing"),
        ("train =", "is not TOML"),
    ],
)
def test_a_wrong_file_is_one_sentence(text, sentence, tmp_path):
    path = tmp_path / "sweep.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        read_plan(path)
    assert sentence in str(error.value) and str(path) in str(error.value)


@pytest.mark.parametrize("wrong", [{"engine": "slurm"}, {"workers": 0}])
def test_options_of_a_sweep_that_make_no_sense_are_one_sentence(wrong, tmp_path):
    with pytest.raises(ConfigError, match="--"):
        SweepOptions(tmp_path, **wrong)


def test_the_example_in_the_documentation_is_a_sweep_of_twelve_trainings():
    plan = read_plan(Path(__file__).parents[2] / "docs" / "examples" / "sweep.toml")
    assert len(list(plan.trainings())) == 12
