"""All checks of a source, one after the other."""

from __future__ import annotations

from slam.doctor.calibration import calibration_findings
from slam.doctor.capture import Capture, taken
from slam.doctor.emitter import emitter_findings
from slam.doctor.finding import Finding, Verdict
from slam.doctor.inertial import inertial_findings
from slam.doctor.picture import picture_findings
from slam.doctor.shutter import shutter_findings
from slam.doctor.timing import timing_findings
from slam.doctor.together import together_findings
from slam.doctor.tracks import neighbours
from slam.doctor.turning import turns_of
from slam.sources import Source

SECONDS = 10.0


def examine(source: Source, seconds: float = SECONDS) -> list[Finding]:
    """Look at the first seconds of a recording, or at the next ones of a camera. Raises SourceError for no frame."""
    return examined(taken(source, seconds))


def examined(capture: Capture) -> list[Finding]:
    """What a capture shows."""
    pairs = neighbours(capture.images)
    turns = turns_of(capture.rig.left, pairs, capture.stamps_ns)
    return [
        *(Finding("device", "says", Verdict.HINT, note) for note in capture.notes),
        *timing_findings(capture),
        *picture_findings(capture, pairs),
        *emitter_findings(capture),
        *shutter_findings(capture, pairs, turns),
        *inertial_findings(capture),
        *together_findings(capture, turns),
        *calibration_findings(capture),
    ]
