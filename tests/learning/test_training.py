"""A whole training, very short: it starts as a nearest-neighbour matcher, resumes, and leaves usable weights."""

import json
import subprocess
import sys
import tarfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from learning_pictures import FEATURES, textured

from slam.config import MatcherConfig
from slam.errors import ConfigError, SourceError
from slam.features.sift import SiftExtractor
from slam.learning.cache import photographs
from slam.learning.confidence import confidence_loss, train_confidence
from slam.learning.losses import answers
from slam.learning.mixture import Mixture
from slam.learning.options import Progress
from slam.learning.start import fresh_network
from slam.learning.train import Trainer, TrainOptions, train_matcher
from slam.matching import make_matcher
from slam.matching.lightglue import NetworkShape
from slam.matching.weights import load_network
from slam.types import MatchView


@pytest.fixture(scope="module")
def options(photos, tmp_path_factory):
    out = tmp_path_factory.mktemp("training")
    return TrainOptions(
        images=photos, out=out, features="sift", scenes=5, keypoints=160, steps=12, width=32, layers=3, batch=4
    )


def test_a_short_training_leaves_weights_a_log_and_a_report(options):
    heard: list[Progress] = []
    report = train_matcher(options, heard.append)
    assert report.steps == 12 and report.pairs >= 24 and np.isfinite(report.loss)
    assert [p.share for p in heard if p.stage == "features"] == [0.5, 1.0]
    assert heard[-1].stage == "confidence" and 0 <= heard[-1].recall <= 1
    assert json.loads(report.log.read_text().splitlines()[-1])["step"] == 12
    matcher = make_matcher(MatcherConfig(weights=str(report.weights)), "sift")
    found = SiftExtractor(100).extract(textured(1))
    view = MatchView(found.xy, found.descriptors, found.image_size)
    assert len(matcher.match(view, view)) > 50 and matcher.num_layers == 3


def test_the_confidence_stage_alone_trains_classifiers_of_existing_weights(options, tmp_path):
    (tmp_path / "cache").symlink_to(options.out / "cache")
    given = options.out / "matcher.pt"
    report = train_matcher(replace(options, out=tmp_path, stage="confidence", weights=given, steps=4))
    before, after = (load_network(path).state_dict() for path in (given, report.weights))
    changed = {name for name in before if not torch.allclose(before[name], after[name])}
    assert changed and all(name.startswith("token_confidence") for name in changed)


def test_the_matching_stage_alone_leaves_no_untrained_classifiers(options, tmp_path):
    (tmp_path / "cache").symlink_to(options.out / "cache")
    report = train_matcher(replace(options, out=tmp_path, stage="matching", kind="lightglue", steps=2))
    shape = load_network(report.weights).shape
    assert shape.confidence_layers == () and shape.kind == "lightglue" and shape.prior


def test_a_training_goes_on_from_given_weights(options, tmp_path):
    (tmp_path / "cache").symlink_to(options.out / "cache")
    trainer = Trainer(replace(options, out=tmp_path, weights=options.out / "matcher.pt"))
    given = load_network(options.out / "matcher.pt").state_dict()
    assert all(torch.equal(value, given[name]) for name, value in trainer._network.state_dict().items())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"stage": "half"}, "unknown stage"),
        ({"kind": "fat"}, "unknown kind"),
        ({"width": 30}, "multiple of four"),
        ({"stage": "confidence"}, "needs weights"),
    ],
)
def test_options_that_make_no_sense_are_one_clear_error(options, change, words):
    with pytest.raises(ConfigError, match=words):
        train_matcher(replace(options, **change))


def test_two_processes_train_one_network(options, tmp_path):
    (tmp_path / "cache").symlink_to(options.out / "cache")
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "slam", "train", "matcher"]
    sizes = ["--keypoints", "160", "--scenes", "5", "--width", "32", "--layers", "2", "--batch", "4", "--steps", "3"]
    done = subprocess.run(
        [*command, str(options.images), "--out", str(tmp_path), *sizes], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("3 steps") == 1
    assert load_network(tmp_path / "matcher.pt").shape.layers == 2


def test_training_goes_on_where_it_stopped(options):
    trainer = Trainer(replace(options, steps=20, resume=True))
    trainer.run(lambda _: None)
    state = torch.load(options.out / "checkpoint.pt", weights_only=True)
    assert state["done"]["steps"] == 20 and state["done"]["pairs"] > 12


def test_resuming_with_other_sizes_is_one_clear_error(options):
    with pytest.raises(ConfigError, match="of another network"):
        Trainer(replace(options, width=64, resume=True))


def test_resuming_nothing_is_one_clear_error(options, tmp_path):
    (tmp_path / "cache").symlink_to(options.out / "cache")
    with pytest.raises(ConfigError, match="no checkpoint"):
        Trainer(replace(options, out=tmp_path, resume=True))


def test_a_fresh_network_answers_like_a_nearest_neighbour_search(shards):
    data = Mixture(shards, (), FEATURES, 4)
    network = fresh_network(NetworkShape(64, 1, 2, 128), data.scenes.descriptors(16))
    batch, split = data.batch(np.random.default_rng(1))
    nearest = (batch["descriptors_a"] @ batch["descriptors_b"].transpose(1, 2)).argmax(2)
    with torch.no_grad():
        network.log_assignment["0"].matchability.bias.fill_(9.0)
        network.log_assignment["0"].matchability.weight.zero_()
        x, _ = network.begin(batch["xy"], batch["descriptors"])
        agrees = answers(network.log_assignment["0"], x, split)[:, :split] == nearest
    assert float(agrees.float().mean()) > 0.5  # by chance: 0.01


def test_the_confidence_stage_changes_nothing_but_the_classifiers_and_lowers_their_loss(shards):
    data = Mixture(shards, (), FEATURES, 4)
    network = fresh_network(NetworkShape(32, 1, 3, 128), data.scenes.descriptors(16))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    batch, split = data.batch(np.random.default_rng(2))
    loss = float(confidence_loss(network, batch, split).detach())
    train_confidence(network, data, np.random.default_rng(3), 25)
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {name for name in before if name.startswith("token_confidence")}
    assert float(confidence_loss(network, batch, split).detach()) < loss


def test_photographs_follow_the_manifest_and_without_one_every_twentieth_is_held_out(photos, tmp_path):
    assert [p.name for p in photographs(photos, tmp_path)["val"]] == ["photo_0.png"]
    (photos / "manifest.csv").write_text("file,split\nphoto_2.png,val\n")
    split = photographs(photos, tmp_path)
    (photos / "manifest.csv").unlink()
    assert [p.name for p in split["val"]] == ["photo_2.png"] and len(split["train"]) == 5


def test_a_split_without_photographs_is_one_clear_error(photos, tmp_path):
    (tmp_path / "only.png").write_bytes((photos / "photo_0.png").read_bytes())
    with pytest.raises(SourceError, match="split 'train'"):
        photographs(tmp_path, tmp_path / "unpacked")


def test_photographs_come_out_of_an_archive(photos, tmp_path):
    with tarfile.open(tmp_path / "photos.tar", "w") as tar:
        tar.add(photos, "photos")
    split = photographs(tmp_path / "photos.tar", tmp_path / "unpacked")
    assert len(split["train"]) == 5 and all(p.is_file() for p in split["train"])


def test_a_folder_without_photographs_is_one_clear_error(tmp_path):
    with pytest.raises(SourceError, match=r"no \.jpg or \.png"):
        photographs(tmp_path, tmp_path / "unpacked")
