"""What the pictures look like: exposure, flicker, focus, motion blur, shading, a frozen picture."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from slam.doctor.capture import Capture
from slam.doctor.edges import edges_of
from slam.doctor.finding import WEIGHT, Finding, Verdict, graded
from slam.doctor.tracks import Pair, moved_px
from slam.types import Float64, Uint8

GROUP = "picture"
EVERY_PX = 4  # pixels of which one is looked at for brightness
WHITE, BLACK = 250, 5  # grey levels
LOOKED_AT = 40  # frames whose edges are measured
FAST_PX = 4.0  # per frame: slower movements leave no blur that can be measured
MODEL = 0.2  # of the exposure: blurred edges are no Gaussians, and points at different depths move differently
FLICKER_S = 2.0  # least length of a recording in which flicker shows
LEAST_SWING = 0.005  # of the brightness
DARK, BRIGHT = 20, 240  # grey levels between which brightness can be compared
MAINS_HZ = (100.0, 120.0)  # light brightens twice a period
CORNER = 0.1  # of width and height


def picture_findings(capture: Capture, pairs: Sequence[Pair]) -> list[Finding]:
    """Everything that can be said of the pictures by themselves and by how they move."""
    if _is_frozen(capture.images):
        said = f"all {len(capture.images)} pictures are equal to the bit: the camera or its driver is stuck"
        return [Finding(GROUP, "frozen", Verdict.PROBLEM, said, "Unplug the camera and plug it in again.")]
    small = np.stack([image[::EVERY_PX, ::EVERY_PX] for image in capture.images])
    found = [*_exposure(small), _flicker(capture, pairs)]
    return [*found, *_sharpness(capture.images, pairs), _shading(small, capture, pairs)]


def _is_frozen(images: Sequence[Uint8]) -> bool:
    return len(images) > 3 and all(np.array_equal(images[0], image) for image in images[1:])


def _exposure(small: Uint8) -> list[Finding]:
    """Brightness and contrast of the usual picture, in grey levels of 255."""
    means, contrast = small.mean((1, 2)), float(np.median(small.std((1, 2))))
    mean, spread = float(np.median(means)), float(np.percentile(means, 95) - np.percentile(means, 5))
    white, black = 100 * float((small >= WHITE).mean()), 100 * float((small <= BLACK).mean())
    said = f"mean {mean:.0f} of 255 (varies by {spread:.0f}), {white:.1f} % white, {black:.1f} % black"
    if contrast < 8:
        said = f"{said}; contrast {contrast:.1f}: hardly anything can be seen"
        return [Finding(GROUP, "exposure", Verdict.PROBLEM, said, "Take off the lens cap, and give it light.")]
    grades = (graded(white, 10, 30), graded(black, 30, 60), graded(-mean, -45, -25))
    verdict = min(grades, key=WEIGHT.__getitem__)
    dark = "More light, a longer exposure or more gain."
    bright = "A shorter exposure or less gain; turn away from windows and lamps."
    advice = "" if verdict is Verdict.OK else bright if white > 10 else dark
    return [Finding(GROUP, "exposure", verdict, said, advice)]


def _flicker(capture: Capture, pairs: Sequence[Pair]) -> Finding:
    """Brightness that swings as the mains does, seen at the rate of the frames."""
    steps_s = capture.steps_s[: len(capture.images) - 1]
    if len(pairs) < 20 or len(pairs) < 0.8 * len(steps_s) or steps_s.sum() < FLICKER_S:
        said = f"needs {FLICKER_S:.0f} s of frames with points that can be followed"
        return Finding(GROUP, "flicker", Verdict.UNKNOWN, said)
    fps = 1 / float(np.median(steps_s))
    hz, share = swing(gains(capture.images, pairs), fps)
    if share < LEAST_SWING:
        return Finding(GROUP, "flicker", Verdict.OK, "the light on things does not swing from frame to frame")
    said = f"the light on things swings by {100 * share:.1f} % at {hz:.1f} Hz"
    mains = [each for each in MAINS_HZ if abs(_alias(each, fps) - hz) < 0.5 + fps / len(steps_s)]
    if not mains:
        return Finding(GROUP, "flicker", Verdict.HINT, f"{said}, not as mains light would", "Fix exposure and gain.")
    advice = f"Light of {mains[0] / 2:.0f} Hz mains: an exposure of {1e3 / mains[0]:.1f} ms or twice that ends it."
    return Finding(GROUP, "flicker", Verdict.HINT, f"{said}, as light of {mains[0] / 2:.0f} Hz mains does", advice)


def gains(images: Sequence[Uint8], pairs: Sequence[Pair]) -> Float64:
    """(N,) brightness of the same things over time, 1 at the start: what passes by does not enter it."""
    steps = np.zeros(len(images))
    for pair in pairs:
        a, b = (
            cv2.blur(images[i], (5, 5))[tuple(np.rint(xy).astype(int).T[::-1])].astype(np.float64)
            for i, xy in ((pair.a, pair.xy_a), (pair.b, pair.xy_b))
        )
        usable = (a > DARK) & (a < BRIGHT) & (b > DARK) & (b < BRIGHT)
        steps[pair.b] = np.median(np.log(b[usable] / a[usable])) if usable.any() else 0.0
    return np.exp(np.cumsum(steps))


def swing(brightness: Float64, fps: float) -> tuple[float, float]:
    """Frequency (Hz) and amplitude (share of the mean) of a lasting swing in (N,) values; amplitude 0 where none lasts.

    What automatic exposure does has most power at low frequencies: a swing is a peak far above the frequencies beside
    it, in both halves of the recording.
    """
    found = [_peak(part / part.mean() - 1, fps) for part in np.array_split(brightness, 2)]
    (hz, share), (other_hz, other_share) = found
    lasts = abs(hz - other_hz) < 2.5 * fps / len(brightness) * 2 and min(share, other_share) > 0
    return (hz, min(share, other_share)) if lasts else (hz, 0.0)


def _peak(signal: Float64, fps: float) -> tuple[float, float]:
    window = np.hanning(len(signal))
    slow = np.polyval(np.polyfit(np.arange(len(signal)), signal, 2), np.arange(len(signal)))
    spectrum = 2 * np.abs(np.fft.rfft((signal - slow) * window)) / window.sum()
    hz = np.fft.rfftfreq(len(signal), 1 / fps)
    spectrum[hz < 2.0] = 0
    top = int(spectrum.argmax())
    beside = np.r_[spectrum[max(top - 8, 0) : max(top - 2, 0)], spectrum[top + 3 : top + 9]]
    level = float(np.median(beside[beside > 0])) if (beside > 0).any() else 0.0
    return float(hz[top]), float(spectrum[top]) if spectrum[top] > 6 * level else 0.0


def _alias(hz: float, fps: float) -> float:
    return abs(hz - fps * round(hz / fps))


def _sharpness(images: Sequence[Uint8], pairs: Sequence[Pair]) -> list[Finding]:
    """Focus from edges along the movement, which it does not widen; motion blur from how much it widens the others."""
    chosen = np.unique(np.linspace(0, len(images) - 1, LOOKED_AT).astype(int))
    flows = {pair.a: pair.flow_px for pair in pairs}
    rows = [_widths(images[i], flows.get(i)) for i in chosen.tolist()]
    flow_px, along, across = np.array(rows).T
    return [_focus(across), _motion_blur(flow_px, along, across)]


def _widths(image: Uint8, flow_px: Float64 | None) -> tuple[float, float, float]:
    """Length of the movement (px), and variance of the blur (px^2) of edges across it and along it."""
    edges = edges_of(image)
    if flow_px is None or np.linalg.norm(flow_px) < 1.0:
        return 0.0, float("nan"), edges.variance()
    direction = float(np.arctan2(flow_px[1], flow_px[0]))
    still = edges.variance(direction + np.pi / 2)
    return float(np.linalg.norm(flow_px)), edges.variance(direction), still


def _focus(across: Float64) -> Finding:
    seen = across[np.isfinite(across)]
    if len(seen) == 0:
        said = "no edges to measure"
        return Finding(GROUP, "focus", Verdict.UNKNOWN, said, "Show the camera something with print or corners.")
    sigma_px = float(np.sqrt(max(np.percentile(seen, 20), 0)))
    verdict = graded(sigma_px, 1.4, 2.2)
    said = f"edges look blurred by {sigma_px:.1f} px (sigma) where nothing moves"
    if verdict is Verdict.OK:
        return Finding(GROUP, "focus", verdict, said if sigma_px > 0.5 else "sharp: edges are as narrow as a pixel")
    return Finding(GROUP, "focus", verdict, said, "Turn the focus ring, fix the autofocus, and wipe the lens.")


def exposure_share(flow_px: Float64, along: Float64, across: Float64) -> tuple[float, float]:
    """Exposure over the time between frames, and its uncertainty, of frames that moved by (N,) px.

    A box as long as the movement during the exposure has the variance L^2 / 12. NaN where too little moved.
    """
    used = np.isfinite(along) & np.isfinite(across) & (flow_px > FAST_PX)
    if used.sum() < 4:
        return float("nan"), float("nan")
    square_px2, more = flow_px[used] ** 2, 12 * (along - across)[used]
    share2 = float(square_px2 @ more / (square_px2 @ square_px2))
    spread = float(np.sqrt(np.sum((square_px2 * (more - share2 * square_px2)) ** 2)) / (square_px2 @ square_px2))
    share = float(np.sqrt(max(share2, 0.0)))
    return share, float(np.hypot(spread / max(2 * share, 0.1), MODEL * share))


def _motion_blur(flow_px: Float64, along: Float64, across: Float64) -> Finding:
    share, sigma = exposure_share(flow_px, along, across)
    if np.isnan(share):
        said = f"nothing moved faster than {FAST_PX:.0f} px a frame"
        return Finding(GROUP, "motion blur", Verdict.UNKNOWN, said, "")
    lengths_px = share * flow_px[flow_px > FAST_PX]
    p50, p95 = np.percentile(lengths_px, [50, 95])
    said = (
        f"{p50:.1f} px p50, {p95:.1f} p95 in moving frames: exposed for {100 * share:.0f} +- "
        f"{100 * sigma:.0f} % of the time between frames"
    )
    verdict = graded(float(p50), 3.0, 8.0)
    advice = "Shorten the exposure and give more light or gain, or move more slowly."
    return Finding(GROUP, "motion blur", verdict, said, "" if verdict is Verdict.OK else advice)


def _shading(small: Uint8, capture: Capture, pairs: Sequence[Pair]) -> Finding:
    """How dark the corners are in the mean of many views: needs a scene that passes by."""
    height, width = small.shape[1:]
    way = moved_px(pairs) / capture.image_size[0]
    if way < 1:
        said = f"the scene moved by {way:.1f} widths of the picture; 1 is needed"
        return Finding(GROUP, "shading", Verdict.UNKNOWN, said)
    mean = small.mean(0, dtype=np.float64)
    h, w = max(int(CORNER * height), 1), max(int(CORNER * width), 1)
    corners = [mean[:h, :w], mean[:h, -w:], mean[-h:, :w], mean[-h:, -w:]]
    middle = float(mean[height // 2 - h : height // 2 + h, width // 2 - w : width // 2 + w].mean())
    brightest = max(float(corner.mean()) for corner in corners) / max(middle, 1.0)
    said = f"the brightest corner has {100 * brightest:.0f} % of the middle's light"
    if brightest > 0.5:
        return Finding(GROUP, "shading", Verdict.OK, said)
    advice = "A hood or filter may reach into the picture; a smaller aperture or a wider lens mount helps."
    return Finding(GROUP, "shading", Verdict.HINT, said, advice)
