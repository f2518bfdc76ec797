"""The whole calibration on a few scenes, and through the command line."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from command_line import called, short_recording

from slam.config import FeatureConfig
from slam.errors import ConfigError, SourceError, WeightsError
from slam.learning.calibrate import calibrate, confirmed
from slam.learning.calibrate_check import check_promise
from slam.learning.calibrate_options import CalibrateOptions
from slam.learning.calibrate_pairs import scenes_of
from slam.learning.calibrate_path import Outcome, designed, outcome
from slam.learning.calibrate_trace import Tracing
from slam.learning.calibrate_work import calibratable, held_out, policy_runs, traces_of
from slam.matching import packaged_weights
from slam.matching.adaptive import LightGlueMatcher
from slam.matching.calibration import ExitPath, ExitStep, exit_file, group_of, read_exit_table
from slam.matching.calibration_risk import hoeffding_bentkus
from slam.matching.early_exit import ExitPolicy
from slam.matching.lightglue import LightGlue, NetworkShape
from slam.matching.runtime_torch import TorchRuntime
from slam.matching.weights import load_network, save_weights


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """The packaged matcher for SIFT, with no calibration beside it."""
    path = tmp_path_factory.mktemp("weights") / "matcher.pt"
    save_weights(path, load_network(packaged_weights("sift")), {})
    return path


@pytest.fixture
def options(shards, weights, tmp_path):
    return CalibrateOptions(
        images=shards, weights=weights, keypoints=(96,), eps=(0.3, 0.6), pairs=3, cache=tmp_path / "cache"
    )


def test_pairs_are_the_same_every_time_and_of_all_kinds(options):
    data = held_out(options, 96, "plain")
    pairs = [labelled for sequence in range(len(data)) for labelled in data.pairs(sequence)]
    assert data.sha256() == held_out(options, 96, "plain").sha256() != held_out(options, 64, "plain").sha256()
    assert {labelled.kind for labelled in pairs} >= {"scene frames", "scene virtual"}
    assert all(len(side.xy) <= 96 for labelled in pairs for side in labelled.views)


@pytest.mark.parametrize("group", ["predicted", "plain"])
def test_all_pairs_belong_to_the_group_that_is_calibrated(options, group):
    data = held_out(options, 96, group)
    found = {group_of(labelled.views[0]) for sequence in range(len(data)) for labelled in data.pairs(sequence)}
    assert found == {group}


@pytest.mark.parametrize(("group", "widths"), [("predicted", 1), ("plain", 2)])
def test_traces_tell_what_real_runs_do(options, group, widths):
    case, layers, heard = (96, group), calibratable(options.weights).shape.layers, []
    traces = traces_of(options, case, map, heard.append)
    rules = designed(traces)
    assert heard == [6] and traces.sure.shape[1] == widths
    for rule in (rules[1], rules[len(rules) // 2], rules[-1]):
        expected = outcome(traces, rule)
        real = policy_runs(options, case, ExitPolicy.of_step(rule.step(), layers), traces, map)
        assert np.array_equal(real.losses, expected.losses) and np.array_equal(real.depth, expected.depth)
    assert expected.depth.mean() < layers


def test_work_counts_the_points_that_are_left_in_every_layer(options):
    data, network = held_out(options, 96, "predicted"), calibratable(options.weights)
    a, b = next(data.pairs(0)).views
    pruner = LightGlueMatcher(network, ExitPolicy.published(-1.0, 0.9, 6))
    left = [1.0] + [1.0 - pruner.match(a, b, max_layers=layers).pruned for layers in range(2, 7)]
    tracing = Tracing(TorchRuntime(network), network.shape, a, b, 0.1)
    assert [answer.work for answer in tracing.answers(-1.0)] == [1, 2, 3, 4, 5, 6]
    found = tracing.answers(0.9)
    assert left[-1] < 1.0
    assert [answer.work for answer in found] == pytest.approx(np.cumsum(left).tolist())


def test_a_calibration_lies_beside_the_weights_and_is_the_same_twice(options):
    heard = []
    table = calibrate(options, lambda done, total: heard.append((done, total)))
    file = exit_file(options.weights)
    assert heard[-1] == (12, 12) and read_exit_table(file, options.weights) == read_exit_table(file, options.weights)
    first = file.read_bytes()
    calibrate(options)
    assert file.read_bytes() == first
    path = table.paths[0]
    assert (path.points, path.group, path.sequences, path.design_sequences) == (96, "predicted", 4, 2)
    assert next(level.step for level in path.levels) == 0  # 0.3 needs nine sequences
    assert path.levels[0].note.startswith("not certifiable with 4 sequences, at least 9 are needed")


def test_enough_sequences_certify_a_faster_step_however_many_processes_work(options, tmp_path):
    table = calibrate(replace(options, eps=(0.75,), delta=0.3, out=tmp_path / "m.exit.toml"))
    again = calibrate(replace(options, eps=(0.75,), delta=0.3, out=tmp_path / "n.exit.toml", processes=2))
    assert again == table
    level = table.paths[0].levels[0]
    assert level.step > 0 and level.note == "" and level.mean_exit < table.layers
    assert level.loss_matches < 0.75 and sum(row[0] for row in level.strata.values()) > 4


def test_real_runs_that_lose_more_than_their_traces_take_the_promise_back():
    steps = [ExitStep((0.5,), 0.9, -1.0, bound, 0.0, 0.0, 2.0, 2.0) for bound in (0.0, 0.02, 0.03, 0.2)]
    path = ExitPath(96, "plain", 300, 100, "", tuple(steps), ())
    worse, better = (Outcome(np.full((300, 2), loss), np.zeros((1, 2)), np.ones(1), np.ones(1)) for loss in (0.1, 0.0))
    after = confirmed(path, {2: worse, 3: better}, 0.05, hoeffding_bentkus)
    assert [path.index_at(eps) for eps in (0.02, 0.05, 0.3)] == [1, 2, 3]
    assert [after.index_at(eps) for eps in (0.02, 0.05, 0.3)] == [1, 1, 3]
    assert after.steps[2].bound > 0.1 and after.steps[3].bound == 0.2


def test_recordings_and_folders_of_recordings_are_cut_into_stretches(options, tmp_path):
    short_recording(tmp_path / "rooms" / "one", 6)
    rooms = CalibrateOptions(images=options.images, recordings=(tmp_path / "rooms",), cache=tmp_path)
    data = held_out(rooms, 64, "plain")
    kinds = {labelled.kind.split()[0] for sequence in range(len(data)) for labelled in data.pairs(sequence)}
    assert len(data) == 7 and kinds == {"scene", "recording"}


def test_the_check_compares_both_tests_with_the_published_rule(options):
    rows = check_promise(replace(options, processes=2), count=5)
    assert [(row.group, row.rule, row.eps) for row in rows] == [
        (g, r, e) for g in ("predicted", "plain") for r in ("hb", "wsr", "published") for e in (0.3, 0.6)
    ]
    assert all(row.kept == 1.0 and row.full_depth == 1.0 and row.mean_exit == 6.0 for row in rows[:2])
    assert rows[-1].mean_exit < 6.0


def test_weights_without_confidences_have_no_exit_to_calibrate(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "blind.pt"
    save_weights(path, LightGlue(NetworkShape(width=32, heads=1, layers=3, confidence_at=())), {})
    with pytest.raises(WeightsError, match="no exit to calibrate"):
        calibratable(path)


def test_shards_of_other_features_are_one_clear_error(options, tmp_path):
    path = tmp_path / "narrow.pt"
    save_weights(path, LightGlue(NetworkShape(width=32, heads=1, layers=3, input_dim=64)), {})
    with pytest.raises(WeightsError, match="descriptors of length 64, the pairs have 128"):
        calibrate(replace(options, weights=path))


def test_bad_shards_are_one_clear_error(tmp_path):
    (tmp_path / "shard_0000.npy").write_bytes(b"nothing")
    with pytest.raises(SourceError, match=r"shard .*shard_0000\.npy"):
        scenes_of(tmp_path, FeatureConfig(), 1, tmp_path, 0)


@pytest.mark.parametrize(("name", "value"), [("eps", (0.0,)), ("delta", 1.0), ("test", "x"), ("keypoints", ())])
def test_options_that_make_no_sense_are_errors(options, name, value):
    with pytest.raises(ConfigError, match="calibrate-exit"):
        calibrate(replace(options, **{name: value}))


def test_the_command_writes_a_file_and_shows_the_levels(shards, weights, tmp_path, monkeypatch, capsys):
    out = tmp_path / "small.exit.toml"
    arguments = [
        "--weights",
        weights,
        "--keypoints",
        64,
        "--eps",
        0.05,
        "--pairs",
        2,
        "--processes",
        1,
        "--cache",
        tmp_path,
        "--out",
        out,
    ]
    answer = called(monkeypatch, capsys, "calibrate-exit", shards, *arguments)
    assert answer.code == 0 and "0.05" in answer.out and "written to" in answer.out
    assert read_exit_table(out, weights).paths[0].points == 64


def test_the_command_without_data_is_one_sentence(monkeypatch, capsys):
    answer = called(monkeypatch, capsys, "calibrate-exit")
    assert answer.code == 2
    assert answer.err.strip().startswith("error: calibrate-exit: nothing to calibrate on")
