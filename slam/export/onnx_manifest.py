"""What every input and output of the exported graphs is: type and shape as the graph has them, and the meaning."""

from __future__ import annotations

from typing import Any

TYPES = {1: "float32", 2: "uint8", 7: "int64"}  # TensorProto's numbers
MEANINGS = {
    "image": "grey levels of a picture, row by row; sides of at least 16 px",
    "max_keypoints": "keypoints wanted, at most",
    "xy": "keypoints in px, x first; (0, 0) is the centre of the top-left pixel",
    "scores": "chance of a keypoint to be matched rightly, in descending order",
    "descriptors": "rows of length 1",
    "image_size": "width and height of the picture, px",
    "x": "state of every point",
    "y": "state of every point after the layer",
    "cos": "cosines of the position's rotary encoding",
    "sin": "sines of it",
    "confidence": "of the points of a, then of b: chance that the last layer will not change the answer",
    "matchable": "of the points of a, then of b: chance of having a partner at all",
    "log_p": "logarithm of the probability that a point of a and one of b are the same",
    "partner_a": "index in b of every point of a, -1 for none",
    "confidence_a": "probability of that match, 0 for none",
}


def described_graph(file: str, graph: Any) -> dict[str, Any]:
    """File, inputs and outputs of an ONNX model, for a manifest."""
    inputs, outputs = ([_tensor(value) for value in values] for values in (graph.graph.input, graph.graph.output))
    return {"file": file, "inputs": inputs, "outputs": outputs}


def _tensor(value: Any) -> dict[str, Any]:
    tensor = value.type.tensor_type
    shape = [dim.dim_param or dim.dim_value for dim in tensor.shape.dim]
    return {"name": value.name, "type": TYPES[tensor.elem_type], "shape": shape, "meaning": _meaning(value.name)}


def _meaning(name: str) -> str:
    stem, _, side = name.rpartition("_")
    return MEANINGS[name] if name in MEANINGS else f"{MEANINGS[stem]}; of picture {side}"
