"""Match two pictures with the files of `slam export onnx FOLDER`, and nothing but onnxruntime, numpy and OpenCV.

python onnx_match.py FOLDER A.jpg B.jpg [KEYPOINTS]

It stops at the layer after which the answer is clear, and drops points without a partner on the way, by the rules in
the folder's manifest. Copy what you need: every file is a plain graph, so any language with an ONNX runtime can do it.
"""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import onnxruntime


class OnnxMatcher:
    def __init__(self, folder: Path) -> None:
        manifest = json.loads((folder / "manifest.json").read_text())
        self.matcher = manifest["matcher"]
        self.layers = self.matcher["layers"]
        files = [manifest["extractor"], self.matcher["begin"], *self.layers, *(layer["head"] for layer in self.layers)]
        self.sessions = {part["file"]: session(folder / part["file"]) for part in files if part}
        self.extractor = manifest["extractor"]

    def extract(self, image, keypoints=512):
        """Features of a grey uint8 picture (H, W): xy (K, 2), scores (K,), descriptors (K, 64), image_size (2,)."""
        feed = {"image": image, "max_keypoints": np.array([keypoints])}
        wanted = {each["name"] for each in self.extractor["inputs"]}
        values = self.run(self.extractor, {name: value for name, value in feed.items() if name in wanted})
        return {**values, "image_size": np.array(image.shape[::-1], np.float32)}

    def match(self, a, b):
        """Indices (K, 2) of the matches, their confidence (K,), layers run, and the share of points dropped before."""
        sides = [self.begin(each) for each in (a, b)]
        left = [np.arange(len(each["xy"])) for each in (a, b)]
        total = len(left[0]) + len(left[1])
        rule = self.rule_for(total / 2)
        ends = [i for i, layer in enumerate(self.layers) if layer["head"]]
        last = min((i for i in ends if i >= rule["max_layers"] - 1), default=ends[-1])
        for i, layer in enumerate(self.layers[: last + 1]):
            dropped = 1 - (len(left[0]) + len(left[1])) / total if total else 0.0
            if not len(left[0]) or not len(left[1]):
                return np.zeros((0, 2), int), np.zeros(0), i, dropped
            new = self.run(layer, {f"{name}_{side}": x for side, s in zip("ab", sides) for name, x in s.items()})
            sides = [{**s, "x": new[f"y_{side}"]} for side, s in zip("ab", sides)]
            if i == last or (i in ends and self.is_sure(new.get("confidence"), i, total, rule)):
                pairs, chance = self.assigned(layer, sides)
                if i == last or len(pairs) >= rule["least_share"] * total / 2:
                    return np.stack([left[0][pairs[:, 0]], left[1][pairs[:, 1]]], 1), chance, i + 1, dropped
            if i in ends and 0 < rule["width_confidence"] < 1:
                stays = np.split(self.staying(new, i, rule), [len(left[0])])
                left = [points[kept] for points, kept in zip(left, stays)]
                sides = [{name: x[kept] for name, x in s.items()} for s, kept in zip(sides, stays)]

    def begin(self, features):
        return self.run(self.matcher["begin"], {name: features[name] for name in ("xy", "descriptors", "image_size")})

    def rule_for(self, points):
        """The exit rule that was calibrated for the keypoint count nearest to this one."""
        return min(self.matcher["exit"]["rules"], key=lambda rule: (abs(rule["points"] - points), -rule["points"]))

    def is_sure(self, confidence, i, total, rule):
        """Whether so few points are unsure that the answer stands; points that were dropped count as sure."""
        if confidence is None or rule["depth_confidence"] <= 0 or rule["thresholds"][i] > 1:
            return False
        unsure = np.count_nonzero(confidence < np.float32(rule["thresholds"][i]))
        return 1 - unsure / total > rule["depth_confidence"]

    def staying(self, new, i, rule):
        """Points that may have a partner, or are not sure of having none."""
        stays = new["matchable"] > np.float32(1 - rule["width_confidence"])
        if "confidence" in new:
            stays |= new["confidence"] <= np.float32((rule["leaving"] or rule["thresholds"])[i])
        return stays

    def assigned(self, layer, sides):
        """Pairs (K, 2) of points that prefer each other, and the chance (K,) that they are the same."""
        log_p = self.run(layer["head"], {f"x_{side}": s["x"] for side, s in zip("ab", sides)})["log_p"]
        of_a, of_b = log_p.argmax(1), log_p.argmax(0)
        a = np.arange(len(of_a))
        chance = np.exp(log_p[a, of_a])
        a = a[(of_b[of_a] == a) & (chance > self.matcher["filter_threshold"])]
        return np.stack([a, of_a[a]], 1), chance[a]

    def run(self, part, feed):
        names = [each["name"] for each in part["outputs"]]
        return dict(zip(names, self.sessions[part["file"]].run(names, feed)))


def session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def main() -> None:
    folder, *paths = map(Path, sys.argv[1:4])
    keypoints = int(sys.argv[4]) if len(sys.argv) > 4 else 512
    matcher = OnnxMatcher(folder)
    a, b = (matcher.extract(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), keypoints) for path in paths)
    pairs, chance, layers, dropped = matcher.match(a, b)
    points = f"{len(a['xy'])} and {len(b['xy'])} points"
    print(f"{len(pairs)} matches of {points}, after {layers} layers, {dropped:.1%} dropped")
    for (i, j), sure in list(zip(pairs, chance))[:5]:
        print(a["xy"][i].round(1), b["xy"][j].round(1), f"{sure:.2f}")


if __name__ == "__main__":
    main()
