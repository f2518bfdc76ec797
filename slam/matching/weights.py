"""Weights files of the matcher: our own and LightGlue's official ones, in either naming."""

from __future__ import annotations

import hashlib
import pickle
import re
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import torch
from torch import Tensor

from slam.errors import WeightsError
from slam.matching.lightglue import LightGlue, NetworkShape

OLD_BLOCK = re.compile(r"^(self_attn|cross_attn)\.(\d+)\.")
IGNORED = {"confidence_thresholds"}  # a table that official files may carry; ours is computed


def load_network(path: Path) -> LightGlue:
    """The network of a weights file, its sizes read from the tensors; in evaluation mode, float32.

    A file ``<name>.sha256`` beside it, if there is one, must agree. ``network.shape`` says which layers have an
    assignment head and a confidence classifier. Raises WeightsError.
    """
    state = official_names(_read(path))
    shape = shape_of(state, path)
    network = LightGlue(shape)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        detail = str(error).splitlines()[-1].strip()
        raise WeightsError(f"weights {path}: do not make a LightGlue network ({detail}); use another file") from error
    return network.eval()


def save_weights(path: Path, network: LightGlue, meta: dict[str, Any], half: bool = False) -> None:
    """Write state, sizes and ``meta`` (plain values), with the file's sha256 beside it; ``half`` stores float16."""
    shape = network.shape
    state = {name: value.half() if half else value for name, value in network.state_dict().items()}
    config = {name: getattr(shape, name) for name in ("kind", "width", "heads", "layers", "input_dim", "prior")}
    unfinished = path.with_suffix(".part")
    torch.save({"state_dict": state, "config": config, "meta": meta}, unfinished)
    digest = hashlib.sha256(unfinished.read_bytes()).hexdigest()
    unfinished.replace(path)
    _checksum_file(path).write_text(f"{digest}  {path.name}\n")


def official_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A state with today's names: no ``matcher.`` in front, blocks inside ``transformers.{i}``; float32."""
    names = {name: OLD_BLOCK.sub(r"transformers.\2.\1.", name.removeprefix("matcher.")) for name in state}
    return {names[name]: value.float() for name, value in state.items() if names[name] not in IGNORED}


def shape_of(state: dict[str, Tensor], path: Path) -> NetworkShape:
    """Sizes of the network that a state belongs to. Raises WeightsError when it is none of LightGlue's."""
    layers = _numbers(state, "transformers")
    heads_at = _numbers(state, "log_assignment")
    if not layers or not heads_at or "posenc.Wr.weight" not in state:
        raise WeightsError(f"weights {path}: no LightGlue network inside; give a file of matcher weights")
    half_dim, position_dim = state["posenc.Wr.weight"].shape
    if position_dim != 2:
        raise WeightsError(
            f"weights {path}: need the scale and angle of keypoints, which we do not use; use other weights"
        )
    kind = "lean" if "transformers.0.self_attn.qkv.weight" in state else "lightglue"
    last = state.get(f"transformers.0.self_attn.ffn.{2 if kind == 'lean' else 3}.weight")
    if last is None:
        raise WeightsError(f"weights {path}: do not make a LightGlue network (no feed-forward part); use another file")
    width, projection = last.shape[0], state.get("input_proj.weight")
    return NetworkShape(
        width=width,
        heads=1 if kind == "lean" else width // (2 * half_dim),
        layers=len(layers),
        input_dim=width if projection is None else projection.shape[1],
        heads_at=heads_at,
        confidence_at=_numbers(state, "token_confidence"),
        kind=kind,
        prior="prior.logit" in state,
    )


def what_is_missing(shape: NetworkShape) -> str:
    """What a network cannot do because its file lacks parts; "" for a complete one."""
    lacks = []
    if not shape.confidence_layers:
        lacks.append("no token_confidence: the early exit is off")
    if len(shape.assignment_layers) < shape.layers:
        layers = ", ".join(str(i + 1) for i in shape.assignment_layers)
        lacks.append(f"log_assignment only after layer {layers}: matching ends there, nothing is pruned elsewhere")
    return "; ".join(lacks)


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise WeightsError(f"weights {path}: no such file; check matcher.weights")
    _check_sum(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, BadZipFile, KeyError, ValueError, OSError) as error:
        raise WeightsError(f"weights {path}: damaged or not a weights file; fetch it again") from error
    state = content.get("state_dict", content) if isinstance(content, dict) else None
    if not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(f"weights {path}: no named tensors inside; give a file of matcher weights")
    return state


def _check_sum(path: Path) -> None:
    expected = _checksum_file(path)
    if not expected.is_file():
        return
    if expected.read_text().split()[:1] != [hashlib.sha256(path.read_bytes()).hexdigest()]:
        raise WeightsError(f"weights {path}: its sha256 is not the one in {expected.name}; fetch both again")


def _checksum_file(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _numbers(state: dict[str, Tensor], part: str) -> tuple[int, ...]:
    return tuple(sorted({int(name.split(".")[1]) for name in state if name.startswith(f"{part}.")}))
