"""One thread per worker: two math threads on two busy cores are slower than one, and their sums differ between runs."""

from __future__ import annotations

import random

import cv2
import numpy as np
import torch


def one_thread_per_worker(seed: int) -> None:
    """Pin OpenCV and torch to one thread each and seed every generator. BLAS is pinned by slam.cli before it loads."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    cv2.setRNGSeed(seed)
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - for libraries that still use the global generator
