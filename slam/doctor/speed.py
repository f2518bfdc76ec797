"""A self-test of some seconds: which runtime is fastest here, and whether 30 frames a second are to be expected."""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from slam.config import SlamConfig
from slam.doctor.finding import Finding, Verdict
from slam.errors import SourceError
from slam.evaluation.environment import hardware
from slam.features.earlybird_runtime import NEEDED
from slam.pipeline import Slam
from slam.running.options import matcher_runtime
from slam.running.warm_up import warm_up
from slam.sources import Source, open_source
from slam.types import Frame

GROUP = "speed"
COMPARED = ("onnx", "torch", "openvino")  # runtimes; compiling one would take longer than the test
WANTED_FPS, LEAST_FPS = 30.0, 10.0
FIRST = 5  # frames that make the map and are not counted
LEAST_FRAMES = 15
CLEARLY = 0.9  # of the default's time: a runtime worth choosing
SIZE = "640x480"
BUSY = 1.5  # load average, our own work included


@dataclass
class Times:
    """Milliseconds per frame of one runtime."""

    extract_ms: list[float] = field(default_factory=list)
    rest_ms: list[float] = field(default_factory=list)  # match, pose, and what decides on keyframes

    @property
    def frame_ms(self) -> np.ndarray:
        """(N,) both, one after the other, as on a machine of one core."""
        return np.add(self.extract_ms, self.rest_ms)

    def add(self, extract_ms: float, rest_ms: float) -> None:
        self.extract_ms.append(extract_ms)
        self.rest_ms.append(rest_ms)


def speed_findings(seconds: float, clock: Callable[[], float] = time.perf_counter) -> list[Finding]:
    """Run the demo's frames through every runtime in turns, so that a busy moment hits all alike."""
    try:
        source = open_source("demo", None)
    except SourceError as error:
        return [Finding(GROUP, "runtime", Verdict.UNKNOWN, str(error))]
    return judged(measured(source, runtimes_here(), seconds, clock))


def runtimes_here() -> list[str]:
    """Of COMPARED, those whose packages are installed; the default one first."""
    return [name for name in COMPARED if all(importlib.util.find_spec(package) for package in NEEDED[name])]


def measured(
    source: Source, runtimes: Sequence[str], seconds: float, clock: Callable[[], float] = time.perf_counter
) -> dict[str, Times]:
    """Runtime -> times per frame, at least LEAST_FRAMES of each."""
    slams = {name: _slam(source, name) for name in runtimes}
    times = {name: Times() for name in runtimes}
    until_s = clock() + seconds
    for number, frame in enumerate(source):
        if clock() > until_s and number >= FIRST + LEAST_FRAMES:
            return times
        for name in _in_turn(runtimes, number):
            extract_ms, rest_ms = _answered(slams[name], frame, clock)
            if number >= FIRST:
                times[name].add(extract_ms, rest_ms)
    return times


def judged(times: dict[str, Times]) -> list[Finding]:
    """The fastest runtime, and the rate to expect with the default one."""
    default = next(iter(times))
    usual = {name: float(np.median(each.frame_ms)) for name, each in times.items()}
    fastest = min(usual, key=usual.__getitem__)
    said = ", ".join(f"{name} {ms:.1f}" for name, ms in sorted(usual.items(), key=lambda item: item[1]))
    said = f"{said} ms a frame (p50 of {len(times[default].extract_ms)} in turns, extraction, match and pose)"
    if usual[fastest] < CLEARLY * usual[default]:
        runtime = Finding(GROUP, "runtime", Verdict.HINT, said, f"Run with --runtime {fastest}: it is fastest here.")
    else:
        runtime = Finding(GROUP, "runtime", Verdict.OK, f"{said}; the default is {default}")
    return [runtime, _rate(times[default])]


def _rate(times: Times) -> Finding:
    """With two cores the features of the next frame are found beside the match of this one: the slower counts."""
    subject = f"{WANTED_FPS:.0f} fps"
    p50, p95 = np.percentile(times.frame_ms, [50, 95])
    one_core = int(hardware()["cores"]) < 2
    beside = times.frame_ms if one_core else np.maximum(times.extract_ms, times.rest_ms)
    fps = 1e3 / float(np.percentile(beside, 50))
    said = (
        f"{SIZE}: extract {np.median(times.extract_ms):.1f} ms, match and pose {np.median(times.rest_ms):.1f}; "
        f"from picture to pose {p50:.1f} ms p50, {p95:.1f} p95; about {fps:.0f} fps"
    )
    budget_ms = 1e3 / WANTED_FPS
    if p95 < budget_ms:
        return Finding(GROUP, subject, Verdict.OK, f"{said}: held even on one core")
    advice = "Close what else runs; --fps 30 makes the matcher leave early; smaller pictures take less time."
    if (load := os.getloadavg()[0]) > BUSY:
        said = f"{said} (load {load:.1f}: the machine was not alone)"
    if float(np.percentile(beside, 95)) < budget_ms:
        return Finding(GROUP, subject, Verdict.OK, f"{said}: held with a core for each")
    if fps > WANTED_FPS:
        return Finding(GROUP, subject, Verdict.HINT, f"{said}: held mostly, some frames will be dropped", advice)
    verdict = Verdict.HINT if fps > LEAST_FPS else Verdict.PROBLEM
    return Finding(GROUP, subject, verdict, f"{said}: not to be expected", advice)


def _slam(source: Source, runtime: str) -> Slam:
    config = SlamConfig()
    config = replace(config, features=replace(config.features, runtime=runtime))
    config = replace(config, matcher=replace(config.matcher, runtime=matcher_runtime(runtime)))
    slam = Slam(source.rig, source.mode, config)
    warm_up(slam, source.rig)
    return slam


def _answered(slam: Slam, frame: Frame, clock: Callable[[], float]) -> tuple[float, float]:
    """Milliseconds of extraction and of the rest of the answer; keeping up with the map is left to the time after."""
    start_s = clock()
    observation = slam.observer.observe(frame)
    extracted_s = clock()
    slam.answer(frame, observation)
    answered_s = clock()
    slam.keep_up()
    return 1e3 * (extracted_s - start_s), 1e3 * (answered_s - extracted_s)


def _in_turn(names: Sequence[str], number: int) -> list[str]:
    """All of them, beginning with another one each time."""
    first = number % len(names)
    return [*names[first:], *names[:first]]
