"""COLMAP (SIFT and incremental mapping on the CPU) beside `slam run` on the same recordings, judged by ground truth.

python tools/compare_colmap.py DATA OUT.md [CASE ...] writes the table of docs/results/colmap.md. The result of a
recording is kept as OUT.NAME.json and not computed again. COLMAP gets undistorted pictures and keeps the focal length
that it is told.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from slam.camera import Camera
from slam.errors import TrajectoryError
from slam.evaluation import environment
from slam.evaluation.ate import Align, ate
from slam.export.map_export import Part
from slam.export.model import model_of
from slam.export.pictures import undistorted, undistortion
from slam.geometry import invert, transform
from slam.mapfile.reader import load_map
from slam.running.options import RunOptions, opened_source
from slam.sources import Source
from slam.trajectory import Trajectory, read_tum

TIMEOUT_S = 1200.0  # of COLMAP's whole work on one recording
MAX_DIFF_S = 0.02
OVERLAP = 10  # pictures that each is matched with, and further ones at powers of two: COLMAP's default
COLUMNS = (
    *("recording", "who", "frames", "with a pose", "s to poses", "CPU s"),
    *("reprojection px", "points", "ATE Sim3 m", "ATE SE3 m"),
)


@dataclass(frozen=True)
class Case:
    name: str
    source: str
    path: str  # below DATA, "" for the demo
    modes: tuple[str, ...]  # of slam
    step: int  # COLMAP gets every so-manieth frame
    rig: str | None = None

    def options(self, data: Path, mode: str) -> RunOptions:
        return RunOptions(self.source, data / self.path if self.path else None, mode, self.rig)

    def words(self, data: Path, mode: str) -> list[str]:
        place = [str(data / self.path)] if self.path else []
        return [self.source, *place, "--mode", mode, *(["--rig", self.rig] if self.rig else [])]


CASES = (
    Case("demo", "demo", "", ("rgbd", "mono"), 2),
    Case("euroc_v101_moving_90", "euroc", "sequences/euroc_v101_moving_90", ("mono",), 1),
    Case("sevenscenes_300", "tum", "sequences/sevenscenes_300", ("rgbd", "mono"), 3, "sevenscenes"),
)


def ours(case: Case, data: Path, mode: str) -> dict[str, Any]:
    """A run with its defaults, as typed, and what its own keyframes say."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        start, cpu_before_s = time.monotonic(), _cpu_s()
        words = ["run", *case.words(data, mode), "--viewer", "none", "--out", str(out)]
        subprocess.run([sys.executable, "-m", "slam", *words], check=True, stdout=subprocess.DEVNULL)
        seconds, cpu_s = time.monotonic() - start, _cpu_s() - cpu_before_s
        summary = json.loads((out / "summary.json").read_text())
        model = model_of(load_map(out / "run.map"), Part())
        truth = opened_source(case.options(data, mode)).ground_truth
        return {
            "who": f"slam {mode}",
            "frames": summary["frames"],
            "posed": len(read_tum(out / "trajectory.txt")),
            "seconds": seconds,
            "cpu_s": cpu_s,
            "error_px": model.mean_error_px,
            "points": len(model.points_world),
            **_errors(read_tum(out / "trajectory.txt"), truth, mode != "mono"),
        }


def colmap(case: Case, data: Path) -> dict[str, Any]:
    """The largest model that COLMAP makes; "failure" says why there is none."""
    source = opened_source(case.options(data, "mono"))
    with tempfile.TemporaryDirectory() as folder:
        stamps_ns = _pictures(source, case.step, Path(folder) / "images")
        camera, told = source.rig.left, Path(folder) / "told.json"
        row: dict[str, Any] = {"who": f"COLMAP, 1 in {case.step}", "frames": len(stamps_ns), "posed": 0}
        child = multiprocessing.get_context("spawn").Process(target=_reconstruct, args=(Path(folder), camera, told))
        start, cpu_before_s = time.monotonic(), _cpu_s()
        child.start()
        child.join(TIMEOUT_S)
        row["seconds"], is_late = time.monotonic() - start, child.is_alive()
        child.kill()
        child.join()
        row["cpu_s"] = _cpu_s() - cpu_before_s
        if is_late:
            return {**row, "failure": f"not done after {TIMEOUT_S:.0f} s"}
        found = json.loads(told.read_text()) if told.is_file() else {"failure": f"exit code {child.exitcode}"}
        if "poses" in found:
            names = sorted(found["poses"])
            poses = np.array([found["poses"][name] for name in names])
            estimate = Trajectory(np.array([stamps_ns[name] for name in names], np.int64), poses)
            row |= {"posed": len(names), **_errors(estimate, source.ground_truth, False)}
            del found["poses"]
        return {**row, **found}


def _pictures(source: Source, step: int, folder: Path) -> dict[str, int]:
    """Every ``step``-th picture, undistorted; name -> stamp."""
    folder.mkdir()
    maps, stamps_ns = undistortion(source.rig.left), {}
    for frame in source:
        if frame.index % step == 0:
            name = f"{frame.index:06d}.png"
            cv2.imwrite(str(folder / name), undistorted(frame, maps))
            stamps_ns[name] = frame.stamp_ns
    return stamps_ns


def _reconstruct(folder: Path, camera: Camera, told: Path) -> None:
    """COLMAP's own steps with its own defaults, but for the camera, which is known and stays as it is."""
    import pycolmap

    os.nice(10)
    reader, database, images = pycolmap.ImageReaderOptions(), folder / "a.db", folder / "images"
    reader.camera_model = "PINHOLE"
    reader.camera_params = f"{camera.fx},{camera.fy},{camera.cx + 0.5},{camera.cy + 0.5}"
    steps = [time.monotonic()]
    pycolmap.extract_features(
        database, images, camera_mode=pycolmap.CameraMode.SINGLE, reader_options=reader, device=pycolmap.Device.cpu
    )
    steps.append(time.monotonic())
    pairing = pycolmap.SequentialPairingOptions()
    pairing.overlap = OVERLAP
    pycolmap.match_sequential(database, pairing_options=pairing, device=pycolmap.Device.cpu)
    steps.append(time.monotonic())
    mapping = pycolmap.IncrementalPipelineOptions()
    mapping.random_seed, mapping.ba_refine_focal_length, mapping.ba_refine_extra_params = 0, False, False
    (folder / "sparse").mkdir()
    models = pycolmap.incremental_mapping(database, images, folder / "sparse", mapping)
    steps.append(time.monotonic())
    row: dict[str, Any] = {"steps_s": np.diff(steps).tolist(), "models": len(models)}
    told.write_text(json.dumps(row | (_of_model(models) if models else {"failure": "no model"})))


def _of_model(models: dict[int, Any]) -> dict[str, Any]:
    """Of the model with most pictures."""
    best = max(models.values(), key=lambda model: model.num_reg_images())
    poses = {}
    for image_id in best.reg_image_ids():
        image = best.images[image_id]
        T = image.cam_from_world().matrix()
        poses[image.name] = invert(transform(T[:, :3], T[:, 3])).tolist()
    return {
        "poses": poses,
        "error_px": best.compute_mean_reprojection_error(),
        "points": best.num_points3D(),
    }


def _cpu_s() -> float:
    """Of the processes started here that have ended: on a busy machine it says more than the clock."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _errors(estimate: Trajectory, truth: Trajectory | None, is_metric: bool) -> dict[str, float]:
    kinds: tuple[Align, ...] = ("sim3", "se3") if is_metric else ("sim3",)
    try:
        assert truth is not None
        return {f"ate_{kind}_m": ate(estimate, truth, kind, MAX_DIFF_S).rmse for kind in kinds}
    except TrajectoryError:
        return {}


def _line(name: str, row: dict[str, Any]) -> str:
    steps = row.get("steps_s")
    parts = f" ({' + '.join(f'{s:.0f}' for s in steps)})" if steps else ""
    cells = [
        *(name, row["who"], str(row["frames"]), row.get("failure") or str(row["posed"])),
        f"{row['seconds']:.1f}{parts}",
        f"{row['cpu_s']:.0f}" if "cpu_s" in row else "",
        f"{row['error_px']:.2f}" if "error_px" in row else "",
        str(row.get("points", "")),
        *(f"{row[key]:.4f}" if key in row else "" for key in ("ate_sim3_m", "ate_se3_m")),
    ]
    return "| " + " | ".join(cells) + " |"


PAGE = """# COLMAP beside `slam run`

Command `{command}`. Commit {commit}, {cpu}, {cores} cores, pycolmap {pycolmap}; nothing ran on a GPU.

COLMAP: SIFT with its defaults (up to 8192 features), sequential matching (overlap {overlap}), incremental mapping with
the focal length known and fixed, on every so-manieth picture, undistorted. `slam run`: its defaults, every frame, from
the start of the program to the written results. Seconds are by the clock, COLMAP's in brackets for features, matching
and mapping; processor seconds are of all cores. Reprojection errors are each program's own mean over its own
observations. Poses are compared at the stamps that have one, after alignment.

{table}
"""


def main(data: Path, out: Path, wanted: list[str]) -> None:
    """Work on the recordings without a result, and write the page of all that have one."""
    kept = {case.name: out.with_name(f"{out.stem}.{case.name}.json") for case in CASES}
    for case in CASES:
        if not kept[case.name].is_file() and (not wanted or case.name in wanted):
            rows = [*(ours(case, data, mode) for mode in case.modes), colmap(case, data)]
            kept[case.name].write_text(json.dumps({"commit": environment.commit(), "rows": rows}))
    found = {name: json.loads(path.read_text()) for name, path in kept.items() if path.is_file()}
    lines = [_line(name, row) for name, of in found.items() for row in of["rows"]]
    hardware = environment.hardware()
    text = PAGE.format(
        command=f"python tools/compare_colmap.py DATA {out.name}",
        commit=", ".join(sorted({of["commit"] for of in found.values()})),
        cpu=hardware["cpu"],
        cores=hardware["cores"],
        pycolmap=metadata.version("pycolmap"),
        overlap=OVERLAP,
        table="\n".join([f"| {' | '.join(COLUMNS)} |", "|" + "---|" * len(COLUMNS), *lines]),
    )
    out.write_text(text)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
