"""One folder per calibration: the rig file, a page to look at, and its pictures."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slam.calibration.board import Board
from slam.calibration.coverage import ENOUGH_COVERED, ENOUGH_VIEWS, coverage_of
from slam.calibration.pictures import draw_all
from slam.calibration.settle import Dropped
from slam.calibration.solve import CameraFit
from slam.calibration.stereo import StereoFit
from slam.camera import Rig
from slam.errors import CalibrationError
from slam.rig_file import rig_text

RIG_FILE, PAGE_FILE = "rig.toml", "report.html"
PICTURES = {
    "coverage": "Where the corners were seen. Red cells were never reached: the lens is a guess there.",
    "residuals": "What is left over. Arrows in all directions are noise; a swirl or a star means that the lens model "
    "does not fit, that the board is not flat, or that it moved.",
    "certainty": "How far the pixel of a fixed viewing ray may be off, by the spread that the parameters have.",
    "errors": "One view far above the others was blurred, moved or bent.",
}
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2933; max-width: 1080px; margin: 2em auto; padding: 0 1em }
h1 { font-size: 1.5em } h2 { font-size: 1.15em; margin-top: 2em; border-bottom: 1px solid #e4e7eb }
table { border-collapse: collapse } td, th { padding: .2em 1.2em .2em 0; text-align: left; vertical-align: top }
td.n { text-align: right; font-variant-numeric: tabular-nums } th { color: #7b8794; font-weight: 500 }
figure { display: inline-block; width: 48%; margin: .5em 1% 1em 0; vertical-align: top } img { width: 100% }
figcaption { color: #52606d; font-size: .9em } .note { color: #b44d12 }
pre { background: #f5f7fa; padding: .8em; overflow-x: auto }
"""


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """What a calibration has to say."""

    rig: Rig
    board: Board
    cameras: list[tuple[str, CameraFit]]  # name and fit: one, or left and right
    stereo: StereoFit | None
    passed: list[Dropped]  # images that were not used at all

    @property
    def notes(self) -> list[str]:
        """What the user must be told."""
        notes = []
        for name, fit in self.cameras:
            prefix = f"{name}: " if len(self.cameras) > 1 else ""
            notes += [prefix + note for note in [*fit.notes, *_notes_on_views(fit, self.board)]]
        return notes

    @property
    def dropped(self) -> list[Dropped]:
        return self.cameras[0][1].dropped


def camera_report(fit: CameraFit, board: Board, passed: list[Dropped], name: str) -> Report:
    return Report(Rig(name, fit.camera), board, [("camera", fit)], None, passed)


def stereo_report(fit: StereoFit, board: Board, passed: list[Dropped], name: str) -> Report:
    rig = Rig(name, fit.left.camera, fit.right.camera, fit.T_left_right)
    return Report(rig, board, [("left", fit.left), ("right", fit.right)], fit, passed)


def check_folder(folder: Path) -> None:
    """Raises CalibrationError for a folder that holds a calibration already."""
    if (folder / RIG_FILE).exists():
        raise CalibrationError(f"{folder} holds a calibration already; choose another folder with --out")


def write_report(report: Report, folder: Path) -> None:
    """Write everything; the rig file first."""
    folder.mkdir(parents=True, exist_ok=True)
    text = _rig_header(report) + rig_text(report.rig)
    (folder / RIG_FILE).write_text(text)
    sections = [
        _camera_section(name, fit, report.board, folder, len(report.cameras) > 1) for name, fit in report.cameras
    ]
    (folder / PAGE_FILE).write_text(_page(report, sections, text), encoding="utf-8")


def summary_rows(report: Report) -> list[tuple[str, str]]:
    """The result in lines for the terminal."""
    rows: list[tuple[str, str]] = []
    for name, fit in report.cameras:
        prefix = f"{name} " if len(report.cameras) > 1 else ""
        rows += [(prefix + row[0], f"{row[1]} ± {row[2]}") for row in parameter_rows(fit)]
        rows.append((f"{prefix}error", f"{fit.rms_px:.3f} px RMS over {len(fit.views)} views"))
    if report.stereo is not None:
        rows += [(name, f"{value} ± {sigma}") for name, value, sigma in stereo_rows(report.stereo)]
    rows += [(f"left out {item.name}", item.reason) for item in report.dropped]
    return rows + [("note", note) for note in report.notes]


def parameter_rows(fit: CameraFit) -> list[tuple[str, str, str]]:
    """Name, value and standard deviation of each parameter."""
    camera = fit.camera
    values = (camera.fx, camera.fy, camera.cx, camera.cy, *camera.distortion)
    rows = []
    for name, value, sigma in zip(fit.names, values, fit.sigmas):
        digits = 3 if name in ("fx", "fy", "cx", "cy") else 6
        unit = " px" if digits == 3 else ""
        said = f"{sigma:.{digits}f}{unit}" if np.isfinite(sigma) else "unknown"
        rows.append((name, f"{value:.{digits}f}{unit}", said))
    return rows


def stereo_rows(fit: StereoFit) -> list[tuple[str, str, str]]:
    rotation = np.rad2deg(fit.sigma_rotation_rad).max()
    angle = np.rad2deg(np.arccos(np.clip((np.trace(fit.T_left_right[:3, :3]) - 1) / 2, -1, 1)))
    return [
        ("baseline", f"{1000 * fit.baseline_m:.3f} mm", f"{1000 * fit.sigma_baseline_m:.3f} mm"),
        ("turn", f"{angle:.4f} deg", f"{rotation:.4f} deg"),
    ]


def _notes_on_views(fit: CameraFit, board: Board) -> list[str]:
    notes, share = [], coverage_of(fit.views, board).share
    if len(fit.views) < ENOUGH_VIEWS:
        notes.append(f"{len(fit.views)} views are few: {ENOUGH_VIEWS} and more make a calibration repeatable")
    if share < ENOUGH_COVERED:
        notes.append(f"only {100 * share:.0f} % of the image is covered: the lens is a guess in the rest")
    return notes


def _rig_header(report: Report) -> str:
    lines = [f"Calibrated with slam calibrate: {report.board.name}."]
    for name, fit in report.cameras:
        sigmas = ", ".join(f"{n} {s}" for n, _, s in parameter_rows(fit))
        lines.append(f"{name}: {len(fit.views)} views, {fit.rms_px:.3f} px RMS; 1 sigma: {sigmas}.")
    if report.stereo is not None:
        lines.append("; ".join(f"{name} {value} ± {sigma}" for name, value, sigma in stereo_rows(report.stereo)) + ".")
    return "".join(f"# {line}\n" for line in lines)


def _camera_section(name: str, fit: CameraFit, board: Board, folder: Path, is_stereo: bool) -> str:
    files = draw_all(fit, board, folder, f"{name}_" if is_stereo else "")
    figures = "".join(
        f'<figure><img src="{file}" alt="{what}"><figcaption>{PICTURES[what]}</figcaption></figure>'
        for what, file in files.items()
    )
    camera = fit.camera
    lead = (
        f"{camera.width}x{camera.height}, {camera.distortion_model}; {len(fit.views)} views, {fit.rms_px:.3f} px RMS; "
        f"a corner's coordinate is measured to {fit.sigma_px:.3f} px; {fit.dropped_corners} corners left out"
    )
    table = _table(("parameter", "value", "1 sigma"), parameter_rows(fit))
    return f"<h2>{html.escape(name)}</h2><p>{html.escape(lead)}.</p>{table}{figures}"


def _page(report: Report, sections: Sequence[str], rig: str) -> str:
    notes = "".join(f'<p class="note">{html.escape(note)}.</p>' for note in report.notes)
    stereo = "" if report.stereo is None else _stereo_section(report.stereo)
    title = f"Calibration: {html.escape(report.rig.name)}"
    left_out = [(item.name, item.reason) for item in [*report.dropped, *report.passed]]
    dropped = f"<h2>Left out</h2>{_table(('view', 'why'), left_out)}" if left_out else ""
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f"<style>{STYLE}</style><h1>{title}</h1>"
        f"<p>{html.escape(report.board.name)}.</p>{notes}{stereo}{''.join(sections)}{dropped}"
        f"<h2>{RIG_FILE}</h2><pre>{html.escape(rig)}</pre></html>\n"
    )


def _stereo_section(fit: StereoFit) -> str:
    table = _table(("between the cameras", "value", "1 sigma"), stereo_rows(fit))
    return f"<p>{len(fit.pairs)} pairs saw the board with both cameras.</p>{table}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in header)
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{' class=n' if i and len(row) > 2 else ''}>{html.escape(cell)}</td>" for i, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"
