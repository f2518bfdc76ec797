"""A map and its recording as the folder that COLMAP, nerfstudio and splat trainers open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from slam.errors import MapError
from slam.export.colmap import write_colmap
from slam.export.map_export import Part
from slam.export.model import Model, captured_by, model_of
from slam.export.nerfstudio import write_transforms
from slam.export.pictures import PictureForm, has_depth, write_pictures
from slam.export.ply import write_ply
from slam.mapfile.contents import LoadedMap
from slam.sources import Source
from slam.types import MapSnapshot

POINTS_NAME = "sparse_points.ply"


def _colmap(out: Path, model: Model, form: PictureForm) -> None:
    (out / "sparse" / "0").mkdir(parents=True)
    write_colmap(out / "sparse" / "0", model, form.ending, is_text=False)


def _colmap_text(out: Path, model: Model, form: PictureForm) -> None:
    (out / "sparse" / "0").mkdir(parents=True)
    write_colmap(out / "sparse" / "0", model, form.ending, is_text=True)


def _nerfstudio(out: Path, model: Model, form: PictureForm) -> None:
    none = np.zeros(0, np.int64), np.zeros((0, 4, 4)), np.zeros((0, 3))
    write_ply(out / POINTS_NAME, MapSnapshot(model.points_world.astype(np.float32), model.colors, *none))
    write_transforms(out / "transforms.json", model, form, POINTS_NAME)


FOLDERS: dict[str, Callable[[Path, Model, PictureForm], None]] = {
    "colmap": _colmap,
    "colmap-text": _colmap_text,
    "nerfstudio": _nerfstudio,
}
WITH_DEPTH = ("nerfstudio",)


def export_folder(
    loaded: LoadedMap, what: str, out: Path, part: Part, source: Source | None, form: PictureForm, every: int
) -> str:
    """Write a model, and its pictures where there is a source, into a new folder; what was written, in words.

    ``every``: as in model_of. Raises MapError.
    """
    model = model_of(loaded, part, every)
    if out.exists():
        raise MapError(f"{out}: exists already; choose another name, or remove it")
    if source is not None:
        check_camera(loaded, source)
        form = replace(form, with_depth=what in WITH_DEPTH and has_depth(source))
    try:
        _write_whole(out, what, model, source, form)
    except OSError as error:
        raise MapError(f"{out}: cannot be written ({error.strerror}); choose another place") from error
    keyframes = sum(len(shot.xy) > 0 for shot in model.shots)
    others = f" and {len(model.shots) - keyframes} other frames" if len(model.shots) > keyframes else ""
    counts = f"{keyframes} keyframes{others}, {len(model.points_world)} points"
    return f"{counts}, mean reprojection error {model.mean_error_px:.2f} px"


def check_camera(loaded: LoadedMap, source: Source) -> None:
    """Raises MapError unless the map was made with this recording's camera."""
    if source.rig.left != captured_by(loaded):
        raise MapError(f"{source.path}: is of another camera than the map; give its recording, and that one's --rig")


def _write_whole(out: Path, what: str, model: Model, source: Source | None, form: PictureForm) -> None:
    """The folder appears complete or not at all."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as temporary:
        whole = Path(temporary) / out.name
        whole.mkdir()
        if source is not None:
            write_pictures(whole, model, source, form)
        FOLDERS[what](whole, model, form)
        whole.rename(out)
