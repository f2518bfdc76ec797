"""The recordings of the benchmark, what to reach on each, and what ORB-SLAM3 reached on the same files."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BenchCase:
    """One recording in one mode, what to reach on it, and what ORB-SLAM3 (C++) reached on the same files."""

    name: str
    source: str  # of ``slam run``
    path: str  # below the data folder, "" for the embedded demo
    mode: str
    align: str  # se3, sim3 for mono
    options: tuple[str, ...] = ()  # of ``slam run``
    target_m: float | None = None  # largest ATE RMSE
    target_percent: float | None = None  # largest ATE RMSE in percent of the path
    least_coverage: float = 1.0  # after initialisation
    latest_start: float = 1.0 / 3  # share of the frames by which there must be a map
    initialises: bool = True  # False: the right answer is never to start a map
    yardstick: str = ""  # ORB-SLAM3, same files, two cores, paced in real time


CASES = (
    BenchCase(
        *("sevenscenes_300 rgbd", "tum", "sequences/sevenscenes_300", "rgbd", "se3", ("--rig", "sevenscenes")),
        target_m=0.030,
        yardstick="0.029 m",
    ),
    BenchCase(
        *("sevenscenes_300 mono", "tum", "sequences/sevenscenes_300", "mono", "sim3", ("--rig", "sevenscenes")),
        target_m=0.032,
        least_coverage=0.94,
        yardstick="0.029 m at 94 %",
    ),
    BenchCase(
        *("kitti_stereo_30", "kitti", "sequences/kitti_stereo_30", "stereo", "se3"),
        target_percent=0.2,
        yardstick="0.032 m, 0.09 %",
    ),
    BenchCase(
        *("euroc_v101_moving_90 mono", "euroc", "sequences/euroc_v101_moving_90", "mono", "sim3"),
        options=("--set", "inertial.use=false"),
        target_m=0.010,
        yardstick="0.0066 m at 96 %",
    ),
    BenchCase(
        *("euroc_v101_moving_90 mono-inertial", "euroc", "sequences/euroc_v101_moving_90", "mono", "se3"),
    ),
    BenchCase(
        *("euroc_v101_static stereo", "euroc", "sequences/euroc_v101_static_stereo_12", "stereo", "se3"),
        target_m=0.005,
        yardstick="0.001 m",
    ),
    BenchCase(
        *("euroc_v101_static mono", "euroc", "sequences/euroc_v101_static_stereo_12", "mono", "sim3"),
        initialises=False,
    ),
    BenchCase(
        *("tum_fr1_10 rgbd", "tum", "sequences/tum_fr1_10", "rgbd", "se3", ("--rig", "tum_fr1")),
    ),
    BenchCase("demo rgbd", "demo", "", "rgbd", "se3", target_m=0.010),
    BenchCase("demo stereo", "demo", "", "stereo", "se3", target_m=0.020),
    BenchCase("demo mono", "demo", "", "mono", "sim3"),
)
