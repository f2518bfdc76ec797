"""Before a run on a camera that nobody calibrated: its focal length from what it sees, a few seconds of motion long.

Passes: a short monocular map is made with the camera as it is believed to be, and its keyframes are adjusted together
with focal length and distortion; again with what was found, until that stays.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, replace

from slam.camera import Camera, Rig
from slam.config import SlamConfig
from slam.graph.bundle import Method
from slam.graph.full_problem import choose_all
from slam.graph.self_calibration import MOST_STEPS, RELATIVE_TOLERANCE, SelfCalibration, self_calibrated
from slam.graph.window import WindowProblem
from slam.pipeline import Slam
from slam.running.feed import Fed, realtime_feed, replay_feed
from slam.sources import Source, live
from slam.types import Mode, Track

KEYFRAMES = 12  # of a pass
PASSES = 4
STAYS = 0.01  # a focal length that moves less is found
SURE = 0.03  # its sigma, of itself: with more, the guess is kept
PASS_S = 12.0  # of the camera's time, a pass that makes too few keyframes ends
SOLVE_S = 5.0
OnFrame = Callable[[Track, str], None]  # a frame, and what is being done


@dataclass(frozen=True, slots=True)
class CameraFound:
    """The rig to go on with, and what to tell of it."""

    rig: Rig
    note: str
    is_sure: bool


def find_camera(source: Source, config: SlamConfig, on_frame: OnFrame = lambda track, doing: None) -> CameraFound:
    """The camera of a monocular source whose rig is a guess; the guess where the motion does not show it."""
    guess, best = source.rig.left, None
    for _ in range(PASSES):
        believed = best.camera if best is not None else guess
        found = _of_pass(source, believed, config, on_frame)
        if found is None:
            break
        moved, best = abs(found.camera.fx / believed.fx - 1.0), found
        if moved < max(STAYS, found.focal_sigma_px / found.camera.fx):
            break
    return _told(source.rig, guess, best)


def _of_pass(source: Source, camera: Camera, config: SlamConfig, on_frame: OnFrame) -> SelfCalibration | None:
    """What a map made with this camera says of it; None when no map came about in time, or it says nothing."""
    slam = Slam(Rig("guess", camera), Mode.MONO, config)
    doing, first_ns = f"finding the focal length ({camera.fx:.0f} px so far), move sideways", None
    with closing(_fed(source, slam, config)) as feed:
        for fed in feed:
            first_ns = fed.frame.stamp_ns if first_ns is None else first_ns
            on_frame(slam.process(fed.frame, fed.observation), doing)
            is_late = (fed.frame.stamp_ns - first_ns) * 1e-9 > PASS_S
            if len(slam.map.keyframes) >= KEYFRAMES or is_late:
                break
    if len(slam.map.keyframes) < KEYFRAMES // 2:
        return None
    problem = _as_captured(slam, camera, config)
    return self_calibrated(problem, camera, Method(MOST_STEPS, RELATIVE_TOLERANCE, SOLVE_S, time.perf_counter))


def _fed(source: Source, slam: Slam, config: SlamConfig) -> Generator[Fed]:
    camera = live(source)
    if camera is not None:
        return realtime_feed(iter(source), slam.observer, None, camera)
    return replay_feed(iter(source), slam.observer, config.run.ahead)


def _as_captured(slam: Slam, camera: Camera, config: SlamConfig) -> WindowProblem:
    """The keyframes of the map's largest part, their pixels distorted again: the lens is to be found, too."""
    parts = choose_all(slam.map, Rig("guess", camera), Mode.MONO, config.graph, SOLVE_S).parts
    problem = max(parts, key=lambda part: len(part.keyframe_ids))
    return replace(problem, xy=camera.distort(problem.xy).astype(float))


def _told(rig: Rig, guess: Camera, found: SelfCalibration | None) -> CameraFound:
    advice = "for figures, calibrate it: slam calibrate"
    if found is None or found.focal_sigma_px > SURE * found.camera.fx:
        why = "the motion did not show it" if found is None else f"it was found to {found.focal_sigma_px:.0f} px only"
        return CameraFound(rig, f"focal length {guess.fx:.0f} px is a guess, {why}; {advice}", False)
    left = found.camera
    note = (
        f"focal length {left.fx:.0f} px (sigma {found.focal_sigma_px:.0f}) and k1 {left.distortion[0]:+.3f} found by "
        f"bundle adjustment, guessed {guess.fx:.0f} px; {advice}"
    )
    return CameraFound(replace(rig, name="self-calibrated", left=left), note, True)
