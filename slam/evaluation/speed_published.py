"""What the authors of other matchers published about time and memory, to be read beside our figures."""

from __future__ import annotations

from slam.evaluation.matching_tables import Row, Section

README = "LightGlue's README, plots read off, within 3 %"
SEMAGLUE = "SemaGlue's authors, GPU not named"
I7, RTX = "Intel i7-10700K, 8 cores", "RTX 3080"


def published_section() -> Section:
    """ms at 256, 512 and 1024 keypoints, and MB where they were published."""
    rows = (
        _row("LightGlue full, easy", I7, README, (55, 136, 472)),
        _row("LightGlue full, hard", I7, README, (52, 131, 463)),
        _row("LightGlue adaptive, easy", I7, README, (31, 48, 121)),
        _row("LightGlue adaptive, hard", I7, README, (28, 69, 184)),
        _row("SuperGlue-fast", I7, README, (72, 144, 477)),
        _row("LightGlue adaptive, easy", RTX, README, (13.9, 10.5, 8.7)),
        _row("LightGlue adaptive compiled, easy", RTX, README, (4.8, 4.8, 6.2)),
        _row("SuperGlue, 5 Sinkhorn iterations", RTX, README, (20, 20, 20.5)),
        _row("LightGlue", "GPU", SEMAGLUE, (None, 17, 17), (81, 136)),
        _row("SuperGlue", "GPU", SEMAGLUE, (None, 27, 28)),
    )
    note = (
        "Not measured here. No memory of SuperGlue was found; that of LightGlue is the GPU's, its weights (47 MB in "
        "float32) included."
    )
    return Section("Published", ("matcher", "machine", "source"), rows, note)


def _row(
    name: str, machine: str, source: str, ms: tuple[float | None, float, float], mb: tuple[float, float] | None = None
) -> Row:
    times = {f"ms {count}": value for count, value in zip((256, 512, 1024), ms) if value is not None}
    memory = {f"MB {count}": value for count, value in zip((512, 1024), mb or ())}
    return Row((name, machine, source), {**times, **memory})
