"""TUM's text files: the line of the RGB-D benchmark's table, or the two lines of the visual odometry group's programs.

``fx fy cx cy [k1 k2 p1 p2 [k3]]`` says nothing of the image's size, which then is that of the images. ``RadTan``,
``Pinhole`` or ``EquiDistant``, fx fy cx cy and coefficients have ``width height`` on the line below; where fx, fy, cx
and cy are shares of the size, cx and cy are taken from the image's edge, half a pixel off from ours.
"""

from __future__ import annotations

from pathlib import Path

from slam.calibration.formats.fields import padded
from slam.camera import KANNALA_BRANDT, RADTAN, Camera, Rig
from slam.errors import CalibrationError
from slam.rig_file import rig_from_intrinsics, rig_from_values
from slam.text_rows import Row, read_rows

NAMED = {"RadTan": RADTAN, "EquiDistant": KANNALA_BRANDT, "Pinhole": RADTAN}
FORM = "fx fy cx cy [k1 k2 p1 p2 [k3]], or RadTan|Pinhole|EquiDistant fx fy cx cy k1 k2 p1 p2"
UNSIZED = (0, 0)


def is_ours(text: str) -> bool:
    """Whether the first line that is no comment is numbers, or begins with a model's name."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    words = lines[0].replace(",", " ").split() if lines else []
    return bool(words) and (words[0] in NAMED or words[0] == "FOV" or all(_is_number(word) for word in words))


def read(path: Path) -> Rig:
    """Raises CalibrationError for what is neither form."""
    rows = list(read_rows(path, CalibrationError))
    if not rows:
        raise CalibrationError(f"{path}: is empty; write it as '{FORM}'")
    if rows[0].fields[0] in NAMED:
        return _named(rows, path)
    if not _is_number(rows[0].fields[0]):
        raise rows[0].wrong(f"camera '{rows[0].fields[0]}' cannot be held; known: {', '.join(NAMED)}")
    rows[0].require((4, 8, 9), FORM)
    numbers = rows[0].numbers(0, len(rows[0].fields))
    return rig_from_intrinsics(numbers[:4], numbers[4:], UNSIZED)


def write(rig: Rig, path: Path) -> None:
    """The two-line form where it can hold the lens, so that the size is kept; one line with k3. CalibrationError."""
    camera = rig.left
    pinhole = f"{camera.fx!r} {camera.fy!r} {camera.cx!r} {camera.cy!r}"
    if len(camera.distortion) == 5:
        path.write_text(f"# fx fy cx cy k1 k2 p1 p2 k3, {_size(camera)}\n{pinhole} {_text(camera)}\n")
        return
    name = "EquiDistant" if camera.distortion_model == KANNALA_BRANDT else "RadTan"
    path.write_text(f"{name} {pinhole} {_text(camera)}\n{camera.width} {camera.height}\n")


def _named(rows: list[Row], path: Path) -> Rig:
    rows[0].require((5, 6, 9), FORM)
    name = rows[0].fields[0]
    if len(rows) < 2:
        raise CalibrationError(f"{path}: the image's size is missing; write 'width height' on the second line")
    rows[1].require((2,), "width height")
    width, height = (int(number) for number in rows[1].numbers(0, 2))
    fx, fy, cx, cy, *coefficients = rows[0].numbers(1, len(rows[0].fields))
    if cx < 1.0 and cy < 1.0:
        fx, fy, cx, cy = fx * width, fy * height, cx * width - 0.5, cy * height - 0.5
    table = {
        "width": width, "height": height, "intrinsics": [fx, fy, cx, cy],
        "distortion_model": NAMED[name], "distortion": [] if name == "Pinhole" else coefficients,
    }  # fmt: skip
    return rig_from_values({"left": table}, path.stem, str(path))


def _text(camera: Camera) -> str:
    return " ".join(repr(float(number)) for number in padded(camera, max(4, len(camera.distortion))))


def _size(camera: Camera) -> str:
    return f"image {camera.width} x {camera.height}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
