"""COLMAP on matches of `slam match --pairs` and on its own SIFT, judged by known poses.

python tools/reconstruct_hloc.py RECORDING OUT [STEP] [NEIGHBOURS] prints the table of docs/results/hloc.md for a
recording in TUM layout. Files are read the way hloc reads them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import h5py
import numpy as np
import pycolmap

from slam.camera import Camera
from slam.geometry import invert, rotation_angle_rad, similar, umeyama
from slam.sources import open_source
from slam.sources.stamps import associate
from slam.types import Float64

SAME_MOMENT_NS = 20_000_000
SIFT = {"SIFT, 512": 512, "SIFT, 2048": 2048, "SIFT, 8192": 8192}
OURS = {
    "earlybird, 512": [],
    "earlybird, 1024": ["--keypoints", "1024"],
    "earlybird, 1024, exit off": ["--keypoints", "1024", "--set", "matcher.exit=off"],
    "earlybird, 2048": ["--keypoints", "2048"],
}


@dataclass(frozen=True, eq=False)
class Job:
    """Images with known poses of one known camera, and the pairs of them to match."""

    images: Path
    truth: dict[str, Float64]  # name -> T_world_cam
    camera: Camera
    pairs: Path


def job_of(recording: Path, folder: Path, step: int, neighbours: int) -> Job:
    """Every ``step``-th image that has a pose, each paired with the next ``neighbours`` ones."""
    source, files = open_source("tum", recording), image_files(recording)
    gt = source.ground_truth
    assert gt is not None
    found = associate(list(files), gt.stamps_ns.tolist(), SAME_MOMENT_NS)
    names = list(files.values())
    truth = {names[i]: gt.T_world_cam[found[i]] for i in range(0, len(names), step) if i in found}
    chosen = list(truth)
    both = [(a, b) for i, a in enumerate(chosen) for b in chosen[i + 1 : i + 1 + neighbours]]
    pairs = folder / "pairs.txt"
    pairs.write_text("".join(f"{a} {b}\n" for a, b in both))
    return Job(recording, truth, source.rig.left, pairs)


def image_files(recording: Path) -> dict[int, str]:
    """Stamp (ns) -> file of every line of rgb.txt."""
    rows = [line.split() for line in (recording / "rgb.txt").read_text().splitlines() if not line.startswith("#")]
    return {round(float(stamp) * 1e9): name for stamp, name in rows}


def imported(job: Job, features: Path, matches: Path, database: Path) -> None:
    """A COLMAP database of files in hloc's layout."""
    names = list(job.truth)
    pycolmap.Database.open(database).close()  # makes the file
    pycolmap.import_images(database, job.images, pycolmap.CameraMode.SINGLE, names, reader(job.camera))
    db = pycolmap.Database.open(database)
    ids = {image.name: image.image_id for image in db.read_all_images()}
    with h5py.File(features) as file:
        for name in names:
            db.write_keypoints(ids[name], file[name]["keypoints"][()].astype(np.float32) + 0.5)  # from the corner
    with h5py.File(matches) as file:
        for a, b in (line.split() for line in job.pairs.read_text().splitlines()):
            db.write_matches(ids[a], ids[b], matched_points(file, a, b))
    db.close()


def matched_points(file: h5py.File, a: str, b: str) -> np.ndarray:
    """(K, 2) indices of a pair, whichever way round it lies in the file."""
    key, turned = ("/".join(name.replace("/", "-") for name in names) for names in ((a, b), (b, a)))
    partner = file[key if key in file else turned]["matches0"][()].astype(np.int64)
    first = np.flatnonzero(partner >= 0)
    points = np.column_stack([first, partner[first]])
    return (points if key in file else points[:, ::-1]).astype(np.uint32)


def reader(camera: Camera) -> pycolmap.ImageReaderOptions:
    """How COLMAP is told of the camera: its pixels are counted from the corner of the picture."""
    assert not camera.is_distorted
    numbers = camera.fx, camera.fy, camera.cx + 0.5, camera.cy + 0.5
    return pycolmap.ImageReaderOptions(camera_model="PINHOLE", camera_params=",".join(map(str, numbers)))


def reconstructed(job: Job, database: Path, folder: Path) -> pycolmap.Reconstruction | None:
    """The largest model that incremental mapping makes with the camera held; None without one."""
    options = pycolmap.IncrementalPipelineOptions()
    options.min_model_size, options.num_threads, options.random_seed = 3, 1, 0
    options.ba_refine_focal_length = options.ba_refine_extra_params = False
    options.mapper.init_min_tri_angle = 4.0  # hand-held pairs are near each other
    options.extract_colors = False
    folder.mkdir(parents=True, exist_ok=True)
    models = pycolmap.incremental_mapping(database, job.images, folder, options)
    return max(models.values(), key=lambda model: model.num_reg_images(), default=None)


def figures(model: pycolmap.Reconstruction | None, job: Job) -> dict[str, float]:
    """Registered images, points, reprojection error, error of the centres after a similarity, and of the turns."""
    if model is None:
        return {"registered": 0}
    estimate = {model.image(i).name: pose_of(model.image(i)) for i in model.reg_image_ids()}
    truth = {name: job.truth[name] for name in estimate}
    centers = (np.array([T[:3, 3] for T in poses.values()]) for poses in (truth, estimate))
    scale, T_gt_world = umeyama(*centers, True)
    moved = {name: similar(T_gt_world, scale, T) for name, T in estimate.items()}
    distances = [np.linalg.norm(moved[name][:3, 3] - truth[name][:3, 3]) for name in truth]
    return {
        "registered": model.num_reg_images(),
        "points": model.num_points3D(),
        "track": model.compute_mean_track_length(),
        "reprojection px": model.compute_mean_reprojection_error(),
        "rmse m": float(np.sqrt(np.mean(np.square(distances)))),
        "turn deg": float(np.median(turn_errors_deg(estimate, truth))),
    }


def turn_errors_deg(estimate: dict[str, Float64], truth: dict[str, Float64]) -> list[float]:
    """Errors of the turns between any two images: centres on a short path would not say how to align rotations."""
    turns = [
        [invert(poses[a])[:3, :3] @ poses[b][:3, :3] for a, b in combinations(truth, 2)] for poses in (estimate, truth)
    ]
    return [float(np.degrees(rotation_angle_rad(found.T @ true))) for found, true in zip(*turns, strict=True)]


def pose_of(image: pycolmap.Image) -> Float64:
    """T_world_cam of COLMAP's camera-from-world."""
    T_cam_world = np.eye(4)
    T_cam_world[:3] = image.cam_from_world().matrix()
    return invert(T_cam_world)


def with_ours(job: Job, folder: Path, options: list[str]) -> tuple[Path, float]:
    """A verified database of `slam match --pairs`, and the seconds that the command took."""
    files = {"--out": folder / "matches.h5", "--features-out": folder / "features.h5"}
    command = [sys.executable, "-m", "slam", "match", "--pairs", job.pairs, "--images", job.images]
    start = time.perf_counter()
    for name, path in files.items():
        command += [name, path]
    subprocess.run([*map(str, command), *options], check=True, capture_output=True)
    seconds = time.perf_counter() - start
    database = folder / "database.db"
    imported(job, files["--features-out"], files["--out"], database)
    pycolmap.verify_matches(database, job.pairs)
    return database, seconds


def with_sift(job: Job, folder: Path, count: int) -> tuple[Path, float]:
    """A verified database of COLMAP's own features and matches, and their seconds."""
    database = folder / "database.db"
    extraction, matching = pycolmap.FeatureExtractionOptions(), pycolmap.FeatureMatchingOptions()
    extraction.sift.max_num_features, extraction.num_threads, matching.num_threads = count, 1, 1
    pairing = pycolmap.ImportedPairingOptions()
    pairing.match_list_path = str(job.pairs)
    cpu = pycolmap.Device.cpu
    start = time.perf_counter()
    pycolmap.extract_features(
        database, job.images, list(job.truth), pycolmap.CameraMode.SINGLE, reader(job.camera), extraction, cpu
    )
    pycolmap.match_image_pairs(database, matching, pairing, device=cpu)
    return database, time.perf_counter() - start


def main() -> None:
    recording, out = Path(sys.argv[1]), Path(sys.argv[2])
    step, neighbours = (int(text) for text in [*sys.argv[3:5], *("15", "3")[len(sys.argv[3:5]) :]])
    pycolmap.logging.minloglevel = 2
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    job = job_of(recording, out, step, neighbours)
    print(f"{len(job.truth)} images, {len(job.pairs.read_text().splitlines())} pairs")
    print("| method | matches s | registered | points | track | reprojection px | rmse m | turn deg |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for name in [*OURS, *SIFT]:
        folder = out / name.replace(", ", "-").replace(" ", "-")
        folder.mkdir()
        database, seconds = with_ours(job, folder, OURS[name]) if name in OURS else with_sift(job, folder, SIFT[name])
        row = figures(reconstructed(job, database, folder / "sparse"), job)
        cells = [f"{value:.4g}" for value in row.values()]
        print(f"| {' | '.join([name, f'{seconds:.1f}', *cells])} |", flush=True)


if __name__ == "__main__":
    main()
