"""A map file and its recording as the folder that COLMAP, nerfstudio and splat trainers open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from slam.errors import MapError
from slam.export.colmap import write_colmap
from slam.export.map_export import Part
from slam.export.model import Model, captured_by, model_of
from slam.export.nerfstudio import write_transforms
from slam.export.pictures import ENDING, write_pictures
from slam.export.ply import write_ply
from slam.mapfile.contents import LoadedMap
from slam.sources import Source
from slam.types import MapSnapshot

POINTS_NAME = "sparse_points.ply"


def _colmap(out: Path, model: Model) -> None:
    (out / "sparse" / "0").mkdir(parents=True)
    write_colmap(out / "sparse" / "0", model, ENDING, is_text=False)


def _colmap_text(out: Path, model: Model) -> None:
    (out / "sparse" / "0").mkdir(parents=True)
    write_colmap(out / "sparse" / "0", model, ENDING, is_text=True)


def _nerfstudio(out: Path, model: Model) -> None:
    none = np.zeros(0, np.int64), np.zeros((0, 4, 4)), np.zeros((0, 3))
    write_ply(out / POINTS_NAME, MapSnapshot(model.points_world.astype(np.float32), model.colors, *none))
    write_transforms(out / "transforms.json", model, ENDING, POINTS_NAME)


FOLDERS: dict[str, Callable[[Path, Model], None]] = {
    "colmap": _colmap,
    "colmap-text": _colmap_text,
    "nerfstudio": _nerfstudio,
}


def export_folder(loaded: LoadedMap, to: str, out: Path, part: Part, source: Source | None, without: str = "") -> str:
    """Write a model, and its pictures where there is a source, into a new folder; what was written, in words.

    ``without``: why there is no source. Raises MapError.
    """
    model = model_of(loaded, part)
    if source is not None and source.rig.left != captured_by(loaded):
        raise MapError(f"{source.path}: is of another camera than the map; give its recording, and that one's --rig")
    if out.exists():
        raise MapError(f"{out}: exists already; choose another name, or remove it")
    try:
        _write_whole(out, to, model, source)
    except OSError as error:
        raise MapError(f"{out}: cannot be written ({error.strerror}); choose another place") from error
    pictures = "with pictures" if source is not None else f"without pictures ({without})"
    counts = f"{len(model.shots)} keyframes {pictures}, {len(model.points_world)} points"
    return f"{counts}, mean reprojection error {model.mean_error_px:.2f} px"


def _write_whole(out: Path, to: str, model: Model, source: Source | None) -> None:
    """The folder appears complete or not at all."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as temporary:
        whole = Path(temporary) / out.name
        whole.mkdir()
        if source is not None:
            (whole / "images").mkdir()
            write_pictures(whole / "images", model, source)
        FOLDERS[to](whole, model)
        whole.rename(out)
