"""A recording as a camera in real time, round and round: python tools/soak.py --minutes 10. The README's live table.

Over MJPEG, and over RTSP where Debian's Python has GStreamer's server (tools/rtsp_camera.py).
"""

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

from slam.evaluation.environment import commit, hardware
from slam.evaluation.mjpeg import MjpegCamera
from slam.sources import open_source
from slam.types import Mode

RTSP = Path(__file__).parent / "rtsp_camera.py"
DEBIANS_PYTHON = "/usr/bin/python3"
FIRST_MINUTE_S = 60.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--fps", type=int, default=30)
    parser.add_argument("--source", default="demo", help="demo, or tum with --path")
    parser.add_argument("--path", default=None)
    parser.add_argument("--only", choices=("mjpeg", "rtsp"), default=None)
    parser.add_argument("--out", type=Path, default=Path("runs/soak"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        intrinsics = write_images(Path(folder), options)
        rows = [
            soak(kind, Path(folder), intrinsics, options) for kind in ("mjpeg", "rtsp") if options.only in (None, kind)
        ]
    header = ("camera", "frames", "dropped", "lost", "latency p50, p95, p99", "MB after 1 min, at the end", "keyframes")
    for row in [header, ["---"] * len(header), *rows]:
        print("| " + " | ".join(row) + " |")
    print(f"\nCommit {commit()}, {hardware()['cpu']}, {hardware()['cores']} cores.")


def write_images(folder: Path, options: argparse.Namespace) -> str:
    """The recording there and back as 00000.jpg, ...: it never jumps. Its intrinsics, as typed."""
    source = open_source(options.source, options.path, mode=Mode.MONO)
    images = [frame.image if frame.color is None else cv2.cvtColor(frame.color, cv2.COLOR_RGB2BGR) for frame in source]
    for i, image in enumerate(images + images[-2:0:-1]):
        cv2.imwrite(str(folder / f"{i:05d}.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 90])
    left = source.rig.left
    return f"{left.fx},{left.fy},{left.cx},{left.cy}"


@contextlib.contextmanager
def mjpeg(folder: Path, fps: int):
    ours, theirs = get_context("spawn").Pipe()
    server = get_context("spawn").Process(target=serve_mjpeg, args=(folder, fps, theirs), daemon=True)
    server.start()
    yield ours.recv()
    server.terminate()


def serve_mjpeg(folder: Path, fps: int, connection) -> None:
    images = [path.read_bytes() for path in sorted(folder.glob("*.jpg"))]
    with MjpegCamera(lambda index: images[index % len(images)], fps) as camera:
        connection.send(camera.address)
        time.sleep(1e6)


@contextlib.contextmanager
def rtsp(folder: Path, fps: int):
    command = [DEBIANS_PYTHON, str(RTSP), str(folder), str(fps), "8554"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    yield server.stdout.readline().strip()
    server.terminate()


def soak(kind: str, folder: Path, intrinsics: str, options: argparse.Namespace) -> list[str]:
    out = options.out / f"{kind}-{time.strftime('%Y%m%d-%H%M%S')}"
    frames = round(options.minutes * 60 * options.fps)
    with {"mjpeg": mjpeg, "rtsp": rtsp}[kind](folder, options.fps) as address:
        command = [sys.executable, "-m", "slam", "run", "webcam", address, "--intrinsics", intrinsics]
        command += ["--viewer", "none", "--max-frames", str(frames), "--out", str(out)]
        subprocess.run(command, check=True)
    return figures(kind, out)


def figures(kind: str, out: Path) -> list[str]:
    records = [json.loads(line) for line in (out / "health.jsonl").open()]
    summary = json.loads((out / "summary.json").read_text())
    since_s = (np.array([record["stamp_ns"] for record in records]) - records[0]["stamp_ns"]) * 1e-9
    memory_mb = np.array([record["memory_mb"] for record in records])
    early = float(np.median(memory_mb[(since_s > FIRST_MINUTE_S - 2) & (since_s < FIRST_MINUTE_S + 2)]))
    late = float(np.median(memory_mb[since_s > since_s[-1] - 4]))
    dropped, given = summary["dropped"], summary["frames"]
    latency = summary["latency_ms"]["camera to answer"]
    return [
        kind,
        f"{given} in {since_s[-1]:.0f} s",
        f"{dropped} ({dropped / given:.2%})",
        str(summary["lost"]),
        ", ".join(f"{latency[p]:.0f}" for p in ("p50", "p95", "p99")) + " ms",
        f"{early:.0f}, {late:.0f} ({late / early - 1:+.1%})",
        str(summary["keyframes"]),
    ]


if __name__ == "__main__":
    main()
