"""The picture of a matched pair: lines by confidence or by layer, points that stayed, points that left and when."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from slam.errors import ConfigError
from slam.pairs.picture import Picture
from slam.pairs.two import PairMatch
from slam.types import Bool, Float32, Float64, Int64, Uint8

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORINGS = ("confidence", "layer")
DPI = 100
LONG_SIDE_PX = 1760  # of the drawing of both pictures
GAP_PX, STRIP_PX, HEAD_PX = 12, 96, 34
WIDE = 1.9  # width over height from which pictures lie below each other
PAPER, INK, FAINT, KEPT = "#10151c", "#eef2f6", "#93a1b0", "#7cc4ff"
WRONG = {"confidence": "#ff4d4d", "layer": "#ffffff"}  # a colour that the ramp of the lines has not
DIMMED = 0.72  # of the pictures' light, so that lines stand out


@dataclass(frozen=True)
class Place:
    """Where a picture lies in the drawing, px."""

    x: float
    y: float
    width: float
    height: float
    scale: float  # px of the drawing per px of the picture

    def points(self, xy: Float32) -> Float64:
        """(N, 2) places in the drawing of pixels (N, 2) of the picture."""
        return (np.asarray(xy, np.float64) + 0.5) * self.scale + (self.x, self.y)


def draw_matches(found: PairMatch, path: Path, coloring: str = "confidence") -> None:
    """Write the drawing of a pair as an image file. Raises ConfigError as ``check_drawing`` does."""
    check_drawing(path, coloring)
    from matplotlib.figure import Figure

    a, b = placed(found.a, found.b)
    width, height = max(a.x + a.width, b.x + b.width), max(a.y + a.height, b.y + b.height)
    total = HEAD_PX + height + STRIP_PX
    figure = Figure(figsize=(width / DPI, total / DPI), dpi=DPI, facecolor=PAPER)
    axes: Any = figure.add_axes((0, STRIP_PX / total, 1, height / total), xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    for place, picture in ((a, found.a), (b, found.b)):
        axes.imshow(_dimmed(picture), extent=(place.x, place.x + place.width, place.y + place.height, place.y))
        axes.set(xlim=(0, width), ylim=(height, 0), aspect="auto")
    _draw_points(axes, found, a, b)
    _draw_lines(axes, found, a, b, coloring)
    _say(figure, found, 1 - HEAD_PX / 2 / total)
    _explain(figure, axes, found, coloring, STRIP_PX / total)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, facecolor=PAPER)
    except OSError as error:
        raise ConfigError(f"--out {path}: cannot be written ({error.strerror}); choose another place") from error


def check_drawing(path: Path, coloring: str) -> None:
    """Raises ConfigError for an unknown colouring, or a file that no drawing can be."""
    if coloring not in COLORINGS:
        raise ConfigError(f"--color {coloring}: is unknown; write {' or '.join(COLORINGS)}")
    if path.suffix.lower() not in (".png", ".pdf", ".svg", ".jpg", ".jpeg"):
        raise ConfigError(f"--out {path}: end it with .png, .jpg, .pdf or .svg")


def placed(a: Picture, b: Picture) -> tuple[Place, Place]:
    """Side by side with one height, or, when both are wide, below each other with one width."""
    (height_a, width_a), (height_b, width_b) = a.grey.shape, b.grey.shape
    if min(width_a / height_a, width_b / height_b) > WIDE:
        scales = [LONG_SIDE_PX * 0.75 / width for width in (width_a, width_b)]
        step = (0.0, scales[0] * height_a + GAP_PX)
    else:
        height = (LONG_SIDE_PX - GAP_PX) / (width_a / height_a + width_b / height_b)
        scales = [height / height_a, height / height_b]
        step = (scales[0] * width_a + GAP_PX, 0.0)
    return (
        Place(0, 0, width_a * scales[0], height_a * scales[0], scales[0]),
        Place(*step, width_b * scales[1], height_b * scales[1], scales[1]),
    )


def _dimmed(picture: Picture) -> Uint8:
    image = picture.color if picture.color is not None else np.repeat(picture.grey[:, :, None], 3, axis=2)
    return np.asarray(image * DIMMED, np.uint8)


def _draw_points(axes: Axes, found: PairMatch, a: Place, b: Place) -> None:
    """Points without a match: rings where they stayed, crosses in the colour of the layer where they left."""
    trace, layers = found.trace, _layer_colors(found.trace.matches.exit_layer)
    of_a = (a, found.features_a, trace.left_a, trace.matches.index_a)
    of_b = (b, found.features_b, trace.left_b, trace.matches.index_b)
    for place, features, left, matched in (of_a, of_b):
        xy, alone = place.points(features.xy), np.ones(len(features), bool)
        alone[matched] = False
        stayed = xy[alone & (left == 0)]
        axes.scatter(stayed[:, 0], stayed[:, 1], s=16, facecolors="none", edgecolors=KEPT, linewidths=0.9, zorder=2)
        for layer in np.unique(left[left > 0]):
            gone = xy[left == layer]
            axes.scatter(gone[:, 0], gone[:, 1], s=18, marker="x", color=layers[layer], linewidths=1.1, zorder=2)


def _draw_lines(axes: Axes, found: PairMatch, a: Place, b: Place, coloring: str) -> None:
    from matplotlib.collections import LineCollection

    matches = found.trace.matches
    ends = np.stack([a.points(found.features_a.xy[matches.index_a]), b.points(found.features_b.xy[matches.index_b])], 1)
    colors = _line_colors(found, coloring)
    order = np.argsort(matches.confidence, kind="stable")  # the surest on top
    right = _right(found)
    for chosen, width, style, z in (
        (order[~right[order]], 0.7, (0, (4, 3)), 3),
        (order[right[order]], 0.9, "solid", 4),
    ):
        lines = LineCollection(list(ends[chosen]), colors=colors[chosen], linewidths=width, linestyles=style, zorder=z)
        lines.set_alpha(0.7)
        axes.add_collection(lines)
        for side in range(2):
            axes.scatter(
                ends[chosen, side, 0], ends[chosen, side, 1], s=11, color=colors[chosen], linewidths=0, zorder=5
            )


def _right(found: PairMatch) -> Bool:
    return np.ones(len(found.trace.matches), bool) if found.inlier is None else found.inlier


def _line_colors(found: PairMatch, coloring: str) -> Float64:
    """(K, 4) RGBA."""
    from matplotlib.colors import to_rgba

    if coloring == "layer" and found.num_layers:
        table = np.array([to_rgba(color) for color in _layer_colors(found.trace.matches.exit_layer)])
        colors = table[found.trace.found_after]
    else:
        colors = _confidence_map()(found.trace.matches.confidence)
    colors = np.asarray(colors, np.float64).reshape(-1, 4)
    colors[~_right(found)] = to_rgba(WRONG[coloring])
    return colors


def _confidence_map() -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("confidence", ["#ffd23f", "#b8e04a", "#3ddc97", "#1fd1d6"])


def _layer_colors(layers: int) -> list[Any]:
    """A colour per layer that was run, layer 1 at index 1: early is light, late is deep."""
    import matplotlib as mpl

    ramp = mpl.colormaps["plasma"](np.linspace(0.95, 0.38, max(layers, 1)))
    return [FAINT, *ramp]


def _say(figure: Any, found: PairMatch, y: float) -> None:
    """What was matched, on top; a name is text, whatever signs are in it."""
    for x, name, side in ((0.006, found.a.name, "left"), (0.994, found.b.name, "right")):
        shown = "".join(sign if sign.isprintable() else "?" for sign in name)[-60:]
        figure.text(x, y, shown, color=INK, fontsize=12, ha=side, va="center", parse_math=False)
    figure.text(0.5, y, _headline(found), color=INK, fontsize=12, ha="center", va="center", weight="bold")


def _headline(found: PairMatch) -> str:
    matches = found.trace.matches
    parts = [f"{len(matches)} matches"]
    if found.inlier is not None:
        parts.append(f"{found.inlier.sum()} inliers ({found.model})")
    if found.num_layers:
        parts += [
            f"exit after layer {matches.exit_layer} of {found.num_layers}",
            f"{100 * matches.pruned:.0f} % pruned",
        ]
    return "  ·  ".join([*parts, f"{found.ms['matching']:.1f} ms"])


def _explain(figure: Any, axes: Axes, found: PairMatch, coloring: str, share: float) -> None:
    """The legend below the pictures: lines in one row, points in another."""
    by_layer = coloring == "layer" and found.num_layers > 0
    for row, handles in enumerate(_handles(found, by_layer)):
        figure.legend(
            handles=handles, loc="center left", bbox_to_anchor=(0.004, share * (0.72, 0.3)[row]), ncols=9,
            frameon=False, labelcolor=INK, fontsize=10.5, handletextpad=0.4, columnspacing=1.6,
        )  # fmt: skip
    if by_layer:
        return
    bar = figure.add_axes((0.87, share * 0.48, 0.115, share * 0.16))
    bar.imshow(np.linspace(0, 1, 200)[None], aspect="auto", cmap=_confidence_map(), extent=(0, 1, 0, 1))
    bar.set(yticks=[], xticks=[0, 0.5, 1])
    bar.tick_params(colors=INK, labelsize=9, length=2)
    bar.set_title("confidence of a match", color=INK, fontsize=10, pad=4)


def _handles(found: PairMatch, by_layer: bool) -> tuple[list[Any], list[Any]]:
    """Of lines, and of points."""
    trace, colors = found.trace, _layer_colors(found.trace.matches.exit_layer)
    left = np.concatenate([trace.left_a, trace.left_b])
    lines, right = [], _right(found)
    if by_layer:
        for layer, count in _counts(trace.found_after[right]):
            lines.append(_line(colors[layer], "-", f"stands since layer {layer}: {count}"))
    else:
        lines.append(_line(_confidence_map()(1.0), "-", f"match: {right.sum()}"))
    if found.inlier is not None:
        lines.append(
            _line(WRONG["layer" if by_layer else "confidence"], "--", f"outlier of the {found.model}: {(~right).sum()}")
        )
    unmatched = int((left == 0).sum()) - 2 * len(trace.matches)
    points = [_mark("o", KEPT, f"stayed, no match: {unmatched}")]
    for layer, count in _counts(left[left > 0]):
        points.append(_mark("x", colors[layer], f"left after layer {layer}: {count}"))
    return lines, points


def _counts(layers: Int64) -> list[tuple[int, int]]:
    """Every layer that occurs, and how often."""
    return [(int(layer), int((layers == layer).sum())) for layer in np.unique(layers)]


def _line(color: Any, style: str, label: str) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], color=color, lw=2, ls=style, label=label)


def _mark(marker: str, color: Any, label: str) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], marker=marker, ls="", mec=color, mfc="none", ms=6, label=label)
