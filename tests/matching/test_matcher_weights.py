"""Weights files: names old and new, sizes from the tensors, and files that are not what they should be."""

import re

import numpy as np
import pytest
import torch
from matching_views import make_view, moved

from slam.config import MatcherConfig
from slam.errors import WeightsError
from slam.matching import make_matcher
from slam.matching.lightglue import LightGlue, NetworkShape
from slam.matching.weights import load_network, save_weights

LIGHTERGLUE = "weights/lighterglue_L3_rebuilt/xfeat-lighterglue_L3_rebuilt.pt"


def old_names(state):
    return {re.sub(r"transformers\.(\d+)\.(self|cross)_attn", r"\2_attn.\1", name): v for name, v in state.items()}


def test_official_names_and_shapes_of_the_large_network():
    shapes = {name: tuple(v.shape) for name, v in LightGlue(NetworkShape(256, 4, 9, 128)).state_dict().items()}
    assert len(shapes) == 253 and sum(int(np.prod(s)) for s in shapes.values()) == pytest.approx(11.88e6, rel=0.005)
    assert shapes["posenc.Wr.weight"] == (32, 2) and shapes["input_proj.weight"] == (256, 128)
    assert shapes["transformers.8.self_attn.Wqkv.weight"] == (768, 256)
    assert shapes["transformers.0.cross_attn.ffn.3.weight"] == (256, 512)
    assert shapes["log_assignment.8.matchability.weight"] == (1, 256)
    assert shapes["token_confidence.7.token.0.bias"] == (1,)
    assert "input_proj.weight" not in LightGlue(NetworkShape(256, 4, 9, 256)).state_dict()


@pytest.mark.parametrize("rename", [dict, old_names, lambda s: {f"matcher.{n}": v for n, v in old_names(s).items()}])
def test_official_files_load_in_either_naming(network, tmp_path, rename):
    path = tmp_path / "official.pth"
    torch.save(rename(network.state_dict()), path)
    loaded = load_network(path)
    assert (loaded.shape.width, loaded.shape.heads, loaded.shape.layers, loaded.shape.input_dim) == (32, 2, 4, 128)
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in loaded.state_dict().items())


def test_our_own_files_come_back_as_they_were(network, tmp_path):
    path = tmp_path / "ours.pt"
    save_weights(path, network, {"steps": 3})
    assert all(torch.equal(v, network.state_dict()[n]) for n, v in load_network(path).state_dict().items())
    assert torch.load(path, weights_only=True)["meta"] == {"steps": 3}


def test_half_precision_on_disk_changes_the_answer_by_less_than_a_hundredth(network, tmp_path):
    save_weights(tmp_path / "half.pt", network, {}, half=True)
    torch.manual_seed(0)
    xy, descriptors = torch.rand(1, 40, 2), torch.nn.functional.normalize(torch.rand(1, 40, 128), dim=-1)
    with torch.inference_mode():
        P = [
            n.log_assignment["3"](n.states(xy, descriptors, 20)[-1], 20)[0].exp()
            for n in (network, load_network(tmp_path / "half.pt"))
        ]
    assert float((P[0] - P[1]).abs().max()) < 1e-2


def test_a_file_that_changed_since_it_was_written_is_refused(network, tmp_path):
    path = tmp_path / "ours.pt"
    save_weights(path, network, {})
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(WeightsError, match="sha256"):
        load_network(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not really", b"<html>not found</html>"])
def test_a_damaged_file_is_one_clear_error(tmp_path, content):
    path = tmp_path / "bad.pt"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="damaged or not a weights file"):
        load_network(path)


def test_a_truncated_file_is_one_clear_error(network, tmp_path):
    path = tmp_path / "cut.pt"
    torch.save(network.state_dict(), path)
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(WeightsError, match="damaged"):
        load_network(path)


def test_a_missing_file_is_one_clear_error(tmp_path):
    with pytest.raises(WeightsError, match="no such file"):
        make_matcher(MatcherConfig(weights=str(tmp_path / "nowhere.pt")), "sift")


def test_weights_of_another_network_are_one_clear_error(network, tmp_path):
    torch.save({"conv.weight": torch.zeros(3)}, tmp_path / "other.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    state = network.state_dict()
    torch.save({**state, "posenc.Wr.weight": torch.zeros(8, 4)}, tmp_path / "oriented.pt")
    torch.save({n: v for n, v in state.items() if "to_qk" not in n}, tmp_path / "gap.pt")
    for name, words in (
        ("other", "no LightGlue"),
        ("list", "no named tensors"),
        ("oriented", "scale and angle"),
        ("gap", "do not make"),
    ):
        with pytest.raises(WeightsError, match=words):
            load_network(tmp_path / f"{name}.pt")


def test_lighterglue_without_classifiers_says_what_is_missing_and_runs_all_its_layers(recorded):
    matcher = make_matcher(MatcherConfig(weights=str(recorded / LIGHTERGLUE)), "xfeat")
    assert matcher.num_layers == 3
    assert "early exit is off" in matcher.missing and "only after layer 3" in matcher.missing
    a = make_view(100, 1, 64)
    found = matcher.match(a, moved(a, 0.05, 2)[0], max_layers=1)
    assert found.exit_layer == 3 and len(found) > 80


def test_lighterglue_finds_more_than_the_nearest_neighbour_on_a_real_pair(recorded):
    import cv2

    from slam.features.xfeat import XFeatExtractor
    from slam.types import MatchView

    extractor = XFeatExtractor(512, recorded / "weights/xfeat_rebuilt/xfeat_rebuilt.pt")
    folder = recorded / "eval_pairs/oxford_affine/graf"
    views = []
    for name in ("img1.png", "img3.png"):
        f = extractor.extract(cv2.imread(str(folder / name), cv2.IMREAD_GRAYSCALE))
        views.append(MatchView(f.xy, f.descriptors, f.image_size))
    H, counts = np.loadtxt(folder / "H1to3p"), {}
    for config in (MatcherConfig(weights=str(recorded / LIGHTERGLUE)), MatcherConfig(name="nearest", ratio=1.0)):
        found = make_matcher(config, "xfeat").match(*views)
        carried = np.column_stack([views[0].xy[found.index_a], np.ones(len(found))]) @ H.T
        error = np.linalg.norm(carried[:, :2] / carried[:, 2:] - views[1].xy[found.index_b], axis=1)
        counts[config.name] = int((error < 5).sum())
    assert counts["lightglue"] > counts["nearest"] > 10
