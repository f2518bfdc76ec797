"""Extractor and matcher as a folder of ONNX files, with a manifest that says how to use them and when to stop."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import slam
from slam.config import SlamConfig
from slam.errors import ConfigError
from slam.export.onnx_manifest import described_graph
from slam.features import OWN
from slam.matching import packaged_weights
from slam.matching.calibration import PLAIN, sha256_of
from slam.matching.early_exit import ExitChoice, chosen_exit
from slam.matching.lightglue import LightGlue
from slam.matching.weights import load_network

FORMAT = 1
EXTRACTOR, WHOLE, MANIFEST = "extractor.onnx", "matcher.onnx", "manifest.json"
Files = dict[str, Any]  # file name -> graph


def export_onnx(config: SlamConfig, out: Path, keypoints: int | None = None, whole_matcher: bool = False) -> str:
    """Write extractor, matcher and manifest into a new folder; what was written, in words.

    keypoints: of the extractor at most, None for an input that says so. whole_matcher: all layers as one file, too.
    The extractor is left out for features that have no graph. Raises ConfigError, WeightsError.
    """
    if out.exists():
        raise ConfigError(f"{out}: exists already; choose another name, or remove it")
    if keypoints is not None and keypoints < 1:
        raise ConfigError(f"--keypoints {keypoints}: must be at least 1, or dynamic")
    if config.matcher.name != "lightglue":
        raise ConfigError(f"matcher.name {config.matcher.name}: has no layers to export; use lightglue")
    weights = Path(config.matcher.weights) if config.matcher.weights else packaged_weights(config.features.name)
    network = load_network(weights)
    extractor, files = extractor_files(config, keypoints), matcher_files(network, config, whole_matcher)
    manifest = {
        "format": FORMAT,
        "made_by": f"earlybird-slam {slam.__version__}",
        "features": config.features.name,
        "extractor": _extractor_entry(extractor),
        "matcher": _matcher_entry(network, files, config, chosen_exit(config.matcher, weights, network.shape.layers))
        | {"weights_sha256": sha256_of(weights)},
    }
    try:
        _write_whole(out, extractor | files, manifest)
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written ({error.strerror}); choose another place") from error
    parts = "extractor" if extractor else f"no extractor ({config.features.name} has no graph)"
    return f"{parts}, {network.shape.layers} matcher layers{' one by one and as one file' if whole_matcher else ''}"


def extractor_files(config: SlamConfig, keypoints: int | None) -> Files:
    """The extractor's graph; nothing for features without one."""
    if config.features.name not in OWN:
        return {}
    from slam.features import weights_path
    from slam.features.earlybird import CompactNetwork, folded
    from slam.features.earlybird_onnx import extractor_graph
    from slam.features.network import load_weights

    network = folded(CompactNetwork())
    load_weights(network, weights_path(config.features))
    return {EXTRACTOR: extractor_graph(network, keypoints)}


def matcher_files(network: LightGlue, config: SlamConfig, whole: bool) -> Files:
    """Begin, layers and heads of the matcher, and all of it as one."""
    from slam.matching.onnx_parts import matcher_parts, whole_matcher

    files: Files = dict(matcher_parts(network))
    if whole:
        files[WHOLE] = whole_matcher(network, config.matcher.filter_threshold)
    return files


def _extractor_entry(files: Files) -> dict[str, Any] | None:
    if not files:
        return None
    return described_graph(EXTRACTOR, files[EXTRACTOR])


def _matcher_entry(network: LightGlue, files: Files, config: SlamConfig, exits: ExitChoice) -> dict[str, Any]:
    from slam.matching.onnx_parts import BEGIN, head_file, layer_file

    layers = []
    for layer in range(network.shape.layers):
        name, head = layer_file(layer), head_file(layer)
        entry = described_graph(name, files[name])
        layers.append(entry | {"head": described_graph(head, files[head]) if head in files else None})
    return {
        "descriptor_length": network.shape.input_dim,
        "filter_threshold": config.matcher.filter_threshold,
        "begin": described_graph(BEGIN, files[BEGIN]),
        "layers": layers,
        "whole": described_graph(WHOLE, files[WHOLE]) if WHOLE in files else None,
        "exit": _exit_entry(exits),
    }


def _exit_entry(exits: ExitChoice) -> dict[str, Any]:
    """The rules for pairs without a motion prior: the graphs know no other."""
    rules = [{"points": points} | asdict(policy) for group, points, policy in exits.policies if group == PLAIN]
    return {"note": exits.note, "rules": rules}


def _write_whole(out: Path, files: Files, manifest: dict[str, Any]) -> None:
    """The folder appears complete or not at all."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as temporary:
        whole = Path(temporary) / out.name
        whole.mkdir()
        for name, graph in files.items():
            (whole / name).write_bytes(graph.SerializeToString())
        (whole / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
        whole.rename(out)
