"""What `slam export onnx` writes answers as the program itself does, in onnxruntime and without torch."""

import importlib.util
import json
import subprocess
import sys
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from command_line import called

import slam
from slam.config import FeatureConfig, MatcherConfig, SlamConfig
from slam.data_files import data_dir
from slam.errors import ConfigError, WeightsError
from slam.export.onnx_folder import export_onnx
from slam.features import make_extractor
from slam.matching import make_matcher
from slam.matching.early_exit import ExitPolicy
from slam.matching.runtime_onnx import session
from slam.types import Features

EXAMPLE = Path(slam.__file__).parents[1] / "docs" / "examples" / "onnx_match.py"
RULES = {
    "calibrated": MatcherConfig(runtime="torch"),
    "published": MatcherConfig(runtime="torch", exit="published"),
    "capped": MatcherConfig(runtime="torch", exit="published", depth_confidence=-1.0, max_layers=3),
    "off": MatcherConfig(runtime="torch", exit="off"),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """An exported folder for every exit rule."""
    parent = tmp_path_factory.mktemp("onnx")
    for name, matcher in RULES.items():
        export_onnx(SlamConfig(matcher=matcher), parent / name, whole_matcher=name == "off")
    return parent


@pytest.fixture(scope="module")
def greys():
    """Pictures of the demo, the first ones near each other and the last two far apart."""
    paths = sorted((data_dir("datasets") / "demo" / "tum" / "rgb").glob("*.jpg"))
    return [cv2.imread(str(paths[i]), cv2.IMREAD_GRAYSCALE) for i in (0, 3, 15, 40, 120)]


@pytest.fixture(scope="module")
def example():
    if not EXAMPLE.is_file():
        pytest.skip("the examples are not installed with the package")
    spec = importlib.util.spec_from_file_location("onnx_match", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def extracted(config, grey):
    return make_extractor(config).extract(grey)


@pytest.mark.parametrize("keypoints", [100, 512, 5000])
@pytest.mark.parametrize("crop", [(480, 640), (333, 507), (17, 33)])
def test_the_extractor_is_the_programs_own_to_a_ten_thousandth(folders, example, greys, keypoints, crop):
    grey = np.ascontiguousarray(greys[0][: crop[0], : crop[1]])
    expected = extracted(FeatureConfig(max_keypoints=keypoints, runtime="torch"), grey)
    found = example.OnnxMatcher(folders / "off").extract(grey, keypoints)
    assert len(found["xy"]) == len(expected) and found["image_size"].tolist() == [crop[1], crop[0]]
    assert np.abs(found["xy"] - expected.xy).max(initial=0) < 1e-3  # px
    assert np.abs(found["scores"] - expected.scores).max(initial=0) < 1e-4
    assert np.abs(found["descriptors"] - expected.descriptors).max(initial=0) < 1e-4


def test_a_black_picture_has_no_keypoints_and_no_matches(folders, example, greys):
    matcher = example.OnnxMatcher(folders / "calibrated")
    nothing, something = matcher.extract(np.zeros((64, 48), np.uint8)), matcher.extract(greys[0])
    assert nothing["descriptors"].shape == (0, 64)
    for a, b in ((nothing, something), (something, nothing), (nothing, nothing)):
        assert [len(part) for part in matcher.match(a, b)[:2]] == [0, 0]


@pytest.mark.parametrize("rule", RULES)
def test_the_example_matches_leaves_and_prunes_as_the_program_does(folders, example, greys, rule):
    ours, theirs = make_matcher(RULES[rule], "earlybird"), example.OnnxMatcher(folders / rule)
    features = [extracted(FeatureConfig(runtime="torch"), grey) for grey in greys]
    depths, shares = set(), set()
    for a, b in pairwise(features):
        expected = ours.match(a.view(), b.view())
        pairs, chance, layers, dropped = theirs.match(fed(a), fed(b))
        assert np.array_equal(pairs, np.stack([expected.index_a, expected.index_b], 1)) and len(pairs)
        assert np.abs(chance - expected.confidence).max() < 1e-4
        assert layers == expected.exit_layer and dropped == pytest.approx(expected.pruned)
        depths.add(layers)
        shares.add(dropped)
    assert len(depths) > 1 if rule in ("calibrated", "published") else depths == {3 if rule == "capped" else 6}
    assert (shares == {0}) == (rule == "off")


def fed(features: Features):
    """As the example has features."""
    size = np.float32(features.image_size)
    return {"xy": features.xy, "descriptors": features.descriptors, "image_size": size}


def test_a_pair_that_all_points_leave_ends_as_in_the_program(folders, example, greys):
    a, b = (extracted(FeatureConfig(max_keypoints=64, runtime="torch"), grey) for grey in greys[:2])
    policy = ExitPolicy(-1.0, 1e-9, (1.0,) * 6, 6, leaving=(-1.0,) * 6)
    expected = make_matcher(RULES["off"], "earlybird").with_exits(policy).match(a.view(), b.view())
    theirs = example.OnnxMatcher(folders / "published")
    theirs.matcher["exit"]["rules"] = [asdict(policy) | {"points": 0}]
    pairs, chance, layers, dropped = theirs.match(fed(a), fed(b))
    assert expected.emptied and len(pairs) == len(chance) == 0
    assert (layers, dropped) == (expected.exit_layer, expected.pruned) == (1, 1.0)


def test_the_whole_matcher_is_full_depth(folders, greys):
    a, b = (extracted(FeatureConfig(runtime="torch"), grey) for grey in greys[1:3])
    expected = make_matcher(RULES["off"], "earlybird").match(a.view(), b.view())
    feed = {f"{name}_{side}": value for side, f in (("a", a), ("b", b)) for name, value in fed(f).items()}
    partner, chance = session(onnx.load(folders / "off" / "matcher.onnx")).run(None, feed)
    assert np.array_equal(np.flatnonzero(partner >= 0), expected.index_a) and len(expected) > 50
    assert np.array_equal(partner[expected.index_a], expected.index_b)
    assert np.abs(chance[expected.index_a] - expected.confidence).max() < 1e-4


def test_the_manifest_names_every_file_as_it_is(folders):
    for folder in folders.iterdir():
        manifest = json.loads((folder / "manifest.json").read_text())
        matcher = manifest["matcher"]
        heads = [layer["head"] for layer in matcher["layers"]]
        entries = [manifest["extractor"], matcher["begin"], *matcher["layers"], *heads, matcher["whole"]]
        named = {entry["file"]: entry for entry in entries if entry}
        assert named.keys() | {"manifest.json"} == {path.name for path in folder.iterdir()}
        for name, entry in named.items():
            graph = onnx.load(folder / name)
            onnx.checker.check_model(graph, full_check=True)
            assert [each["name"] for each in entry["inputs"]] == [value.name for value in graph.graph.input]
            assert all(each["meaning"] for each in entry["inputs"] + entry["outputs"])
    rules = json.loads((folders / "calibrated" / "manifest.json").read_text())["matcher"]["exit"]["rules"]
    assert [rule["points"] for rule in rules] == sorted(rule["points"] for rule in rules) and len(rules) > 1


def test_keypoints_may_be_fixed_in_the_file(example, greys, tmp_path):
    export_onnx(SlamConfig(), tmp_path / "fixed", keypoints=77)
    matcher = example.OnnxMatcher(tmp_path / "fixed")
    assert [each["name"] for each in matcher.extractor["inputs"]] == ["image"]
    assert len(matcher.extract(greys[0])["xy"]) == 77


def test_features_without_a_graph_give_a_matcher_alone(example, greys, tmp_path):
    config = SlamConfig(FeatureConfig("sift"), MatcherConfig(exit="published", runtime="torch"))
    assert "no extractor (sift has no graph)" in export_onnx(config, tmp_path / "sift")
    assert not (tmp_path / "sift" / "extractor.onnx").exists()
    a, b = (extracted(config.features, grey) for grey in greys[:2])
    expected = make_matcher(config.matcher, "sift").match(a.view(), b.view())
    pairs = example.OnnxMatcher(tmp_path / "sift").match(fed(a), fed(b))[0]
    assert np.array_equal(pairs[:, 0], expected.index_a) and len(pairs) > 100


def test_the_example_runs_without_torch_or_this_package(folders, tmp_path):
    images = sorted((data_dir("datasets") / "demo" / "tum" / "rgb").glob("*.jpg"))
    program = (
        "import runpy, sys; sys.argv = sys.argv[1:]\nrunpy.run_path(sys.argv[0], run_name='__main__')\n"
        "assert not {'torch', 'slam', 'onnx'} & sys.modules.keys()"
    )
    words = [sys.executable, "-c", program, EXAMPLE, folders / "calibrated", images[20], images[35], "300"]
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "") and "matches of 300 and 300 points" in done.stdout


def test_the_command_writes_the_folder_and_refuses_what_cannot_be(monkeypatch, capsys, tmp_path):
    out = tmp_path / "new" / "onnx"
    answer = called(monkeypatch, capsys, "export", "onnx", out, "--whole", "--keypoints", "256")
    assert (
        answer.code == 0
        and "6 matcher layers one by one and as one file" in answer.out
        and (out / "matcher.onnx").exists()
    )
    for words, said in {
        (out,): "exists already",
        (tmp_path / "x", "--keypoints", "many"): "write a number, or dynamic",
        (tmp_path / "x", "--keypoints", "0"): "must be at least 1",
        (tmp_path / "x", "--features", "orb"): "none come with features 'orb'",
    }.items():
        answer = called(monkeypatch, capsys, "export", "onnx", *words)
        assert answer.code == 2 and said in answer.err


def test_nothing_is_left_of_an_export_that_fails(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        export_onnx(SlamConfig(), tmp_path / "file" / "out")
    with pytest.raises(ConfigError, match="has no layers to export"):
        export_onnx(SlamConfig(matcher=MatcherConfig("nearest")), tmp_path / "out")
    with pytest.raises(WeightsError, match="no such file"):
        export_onnx(SlamConfig(matcher=MatcherConfig(weights="none.pt")), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
