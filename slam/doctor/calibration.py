"""Whether the rig can be right: the focal length, the rows of a stereo pair, depth laid over the picture.

What pictures cannot show is left out: the length of a stereo baseline, a common factor of all depths.
"""

from __future__ import annotations

import cv2
import numpy as np

from slam.doctor.capture import Capture
from slam.doctor.finding import Finding, Verdict, graded
from slam.doctor.focal import LENS, Preferred, bending, preferred_focal
from slam.doctor.tracks import chains, followed
from slam.types import Float32, Float64, Mode, Uint8

GROUP = "calibration"
WAY = 0.06  # of the picture's width that points move between the frames of a pair
PAIRS = 24
WORST_SIGMA = 0.03  # of the focal length's logarithm
HINT_FOCAL, PROBLEM_FOCAL = 0.03, 0.07
SIGMAS = 3.0
LEAST_GAIN = 0.1  # of the remainder: less is no reason to believe a focal length far from the rig's
STEREO_POINTS = 1000
MOST_ROWS_PX = 30.0  # between the rows of a match: more is a false one
LEAST_MATCHES = 50
REACH_PX = 16  # shifts of the depth over the picture that are tried
JUMP = 0.08  # of the depth: a step so large is an edge
NEAR_M, FAR_M = 0.15, 60.0


def calibration_findings(capture: Capture) -> list[Finding]:
    """What can be found of the rig of this source."""
    found = [_focal(capture)]
    if capture.mode is Mode.STEREO and capture.rights:
        found.append(_rows(capture))
    if capture.mode is Mode.RGBD and capture.depths_m:
        found += [_range(capture), _registration(capture)]
    return found


def _focal(capture: Capture) -> Finding:
    camera = capture.rig.left
    pairs = chains(capture.images, WAY * camera.width, PAIRS)
    found = preferred_focal(camera, pairs)
    whose = "the guess of" if capture.guesses_camera else "the rig's"
    said = f"{whose} {camera.fx:.1f} px ({camera.width}x{camera.height})"
    again = "Move the camera sideways and turn it, close to things at different distances."
    if found is None:
        said = f"{said}: too few of {len(pairs)} pairs of frames show a rigid scene that moves by {100 * WAY:.0f} %"
        return Finding(GROUP, "focal length", Verdict.UNKNOWN, said, again)
    said = f"{said}: moving points prefer {found.factor:.3f} +- {found.sigma:.3f} of it ({found.pairs} pairs)"
    if found.sigma > WORST_SIGMA or (found.at_edge and found.gain < LEAST_GAIN):
        if bending(camera) * LENS > WORST_SIGMA:
            again = "A lens that bends so much hides its focal length: compare with a gyro, or calibrate with a board."
        return Finding(GROUP, "focal length", Verdict.UNKNOWN, said, again)
    verdict = _grade(found, capture.guesses_camera)
    if verdict is Verdict.OK:
        return Finding(GROUP, "focal length", verdict, f"{said}, {found.remainder_px:.2f} px off epipolar lines")
    advice = f"Calibrate (slam calibrate); until then try fx = fy = {found.factor * camera.fx:.0f}."
    if found.at_edge:
        said, advice = f"{said} or beyond", "This rig is of another camera or resolution: choose its own, or calibrate."
    return Finding(GROUP, "focal length", verdict, said, advice)


def _grade(found: Preferred, is_guess: bool) -> Verdict:
    off = abs(float(np.log(found.factor)))
    if is_guess:
        return Verdict.HINT  # however right: a camera wants a calibration
    return Verdict.OK if off < SIGMAS * found.sigma else graded(off, HINT_FOCAL, PROBLEM_FOCAL)


def _rows(capture: Capture) -> Finding:
    """Rectified pairs show a point in the same row of both pictures, and farther left in the right one."""
    parts = [stereo_matches(capture.images[i], right) for i, right in capture.rights.items()]
    left, right = (np.concatenate([part[side] for part in parts]) for side in (0, 1))
    if len(left) < LEAST_MATCHES:
        return Finding(GROUP, "stereo rows", Verdict.UNKNOWN, f"{len(left)} matches between left and right: too few")
    off_px = (right - left)[:, 1]
    disparity = (left - right)[:, 0]
    p50, p95 = np.percentile(np.abs(off_px), [50, 95])
    said = f"matches lie {p50:.2f} px p50, {p95:.2f} p95 off the same row ({len(left)} in {len(parts)} pairs)"
    if np.mean(disparity < -1.0) > 0.5:
        advice = "Left and right are exchanged: exchange the cameras, or their folders."
        return Finding(GROUP, "stereo rows", Verdict.PROBLEM, f"{said}; points lie farther right in the right", advice)
    verdict = graded(float(p50), 0.5, 1.5)
    advice = f"Calibrate the pair again ({np.median(off_px):+.1f} px in the median): one camera has moved."
    return Finding(GROUP, "stereo rows", verdict, said, "" if verdict is Verdict.OK else advice)


def stereo_matches(left: Uint8, right: Uint8) -> tuple[Float32, Float32]:
    """(K, 2) px in both pictures: ORB by mutual nearest descriptors in rows near each other, refined by following."""
    orb = cv2.ORB.create(nfeatures=STEREO_POINTS)
    (points_l, words_l), (points_r, words_r) = (orb.detectAndCompute(image, None) for image in (left, right))
    none = np.zeros((0, 2), np.float32)
    if words_l is None or words_r is None:
        return none, none
    matches = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(words_l, words_r)
    a = np.array([points_l[m.queryIdx].pt for m in matches], np.float32).reshape(-1, 2)
    b = np.array([points_r[m.trainIdx].pt for m in matches], np.float32).reshape(-1, 2)
    near = (np.abs(a - b)[:, 1] < MOST_ROWS_PX) & (np.array([m.distance for m in matches]) < 50)
    a, b = followed(left, right, a[near], b[near])
    return (a, b) if len(a) < 8 else _agreeing(a, b)


def _agreeing(a: Float32, b: Float32) -> tuple[Float32, Float32]:
    """Those within three spreads of the usual difference of rows."""
    off = (b - a)[:, 1]
    middle = np.median(off)
    spread = 1.48 * float(np.median(np.abs(off - middle))) + 0.1
    kept = np.abs(off - middle) < 4 * spread
    return a[kept], b[kept]


def _range(capture: Capture) -> Finding:
    depths = np.stack([depth_m[::4, ::4] for depth_m in capture.depths_m.values()])
    known = depths[depths > 0]
    share = len(known) / depths.size
    if share < 0.05:
        said = f"{100 * share:.0f} % of the pixels have a depth"
        return Finding(GROUP, "depth", Verdict.PROBLEM, said, "Stand farther away; switch the projector on.")
    p5, p50, p95 = np.percentile(known, [5, 50, 95])
    said = f"{100 * share:.0f} % of the pixels have one: {p5:.2f} to {p95:.2f} m, median {p50:.2f} m"
    if not NEAR_M < p50 < FAR_M:
        advice = f"No room is like that: check --depth-factor (now {capture.rig.depth_factor:g} units a metre)."
        return Finding(GROUP, "depth", Verdict.PROBLEM, said, advice)
    if share < 0.3:
        return Finding(GROUP, "depth", Verdict.HINT, said, "Stand closer, or away from sun, glass and black things.")
    return Finding(GROUP, "depth", Verdict.OK, said)


def _registration(capture: Capture) -> Finding:
    """Where depth jumps, the picture has edges: the shift of the depth that meets most of them."""
    total = sum(_overlap(capture.images[i], depth_m) for i, depth_m in capture.depths_m.items())
    shift, contrast = best_shift(np.asarray(total, np.float64))
    if contrast < 0.1:
        said = "edges of depth and picture do not meet clearly at any shift"
        return Finding(GROUP, "depth on picture", Verdict.UNKNOWN, said, "Show it near things before a far wall.")
    off_px = float(np.hypot(*shift))
    said = f"edges of depth and picture meet best with the depth moved by ({shift[0]:+.1f}, {shift[1]:+.1f}) px"
    verdict = graded(off_px, 3.0, 8.0)
    advice = "Register depth to colour with the device's calibration (aligned streams), and expose both at once."
    return Finding(GROUP, "depth on picture", verdict, said, "" if verdict is Verdict.OK else advice)


def _overlap(image: Uint8, depth_m: Float32) -> Float64:
    """(2 REACH + 1, 2 REACH + 1) mean slope of the picture under the jumps of the depth, by its shift (rows first)."""
    near, far = (tool(depth_m, np.ones((3, 3), np.uint8)) for tool in (cv2.erode, cv2.dilate))
    jumps = ((near > 0) & (far - near > JUMP * near)).astype(np.float32)
    smooth = cv2.GaussianBlur(image.astype(np.float32), (0, 0), 1.0)
    slope = np.minimum(np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)), 100)
    inner = jumps[REACH_PX:-REACH_PX, REACH_PX:-REACH_PX].copy()
    met = cv2.matchTemplate(slope.astype(np.float32), inner, cv2.TM_CCORR)
    return np.asarray(met, np.float64)


def best_shift(overlap: Float64) -> tuple[tuple[float, float], float]:
    """(x, y) px of the top, to a fraction of a pixel, and its height over the rest, as a share of it."""
    y, x = np.unravel_index(int(overlap.argmax()), overlap.shape)
    level = float(np.median(overlap))
    contrast = float(overlap.max() / level - 1) if level > 0 else 0.0
    parts = []
    for at, line in ((int(x), overlap[y]), (int(y), overlap[:, x])):
        step = 0.0
        if 0 < at < len(line) - 1 and (bend := line[at - 1] - 2 * line[at] + line[at + 1]) < 0:
            step = 0.5 * (line[at - 1] - line[at + 1]) / bend
        parts.append(at - REACH_PX + float(step))
    return (parts[0], parts[1]), contrast
