"""A small folder laid out as the matching and speed benchmarks want it, made from the demo."""

from pathlib import Path

import cv2
import numpy as np
from command_line import short_recording

from slam.data_files import data_dir

H_2_1 = np.array([[0.95, -0.1, 40.0], [0.08, 0.97, -10.0], [5e-5, -3e-5, 1.0]])


def bench_data(folder: Path, frames: int) -> Path:
    """One homography pair, and the demo's first frames in place of 7-Scenes."""
    scene = folder / "eval_pairs/oxford_affine/room"
    scene.mkdir(parents=True)
    first = sorted((data_dir("datasets") / "demo/tum/rgb").iterdir())[0]
    image = cv2.imread(str(first), cv2.IMREAD_GRAYSCALE)
    cv2.imwrite(str(scene / "img1.png"), image)
    cv2.imwrite(str(scene / "img2.png"), cv2.warpPerspective(image, H_2_1, image.shape[::-1]))
    np.savetxt(scene / "H1to2p", H_2_1)
    short_recording(folder / "sequences/sevenscenes_300", frames)
    return folder
