"""Settings of a connected RealSense: clock, preset, emitter, exposure. Each is read back; a difference is a note."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence

import pyrealsense2 as rs

from slam.errors import SourceError
from slam.sources.camera_options import CameraOptions
from slam.types import Mode

DEPTH_EXPOSURE_PER_MS = 1000.0  # the stereo module counts microseconds
COLOR_EXPOSURE_PER_MS = 10.0  # the colour sensor counts 100 us, as UVC cameras do
CLOSE_ENOUGH = 0.02  # of a value that was set: devices round


def apply_settings(sensors: Sequence[rs.sensor], mode: Mode, asked: CameraOptions, name: str) -> list[str]:
    """Set what the mode needs and the user asks; what the device did not take, in sentences.

    sensors: those that are to stream. The clock of all of them becomes the SDK's global time where they have it.
    Raises SourceError for a preset that the device does not have.
    """
    notes = [_set(sensor, rs.option.global_time_enabled, 1.0, f"{name}: global time") for sensor in sensors]
    depth = [sensor for sensor in sensors if sensor.is_depth_sensor()]
    for sensor in depth:
        notes += [_preset(sensor, asked.preset, name), _emitter(sensor, mode, asked.emitter, name)]
    if not depth and (asked.preset or asked.emitter is not None):
        notes.append(f"{name}: preset and emitter belong to its depth sensor, which is not used in mode {mode.value}")
    if asked.exposure_ms is not None:
        notes += [_exposure(sensor, asked.exposure_ms, name) for sensor in sensors if _has_exposure(sensor)]
    return [note for note in notes if note]


def preset_names(sensor: rs.sensor) -> dict[str, float]:
    """Visual presets by name: the device's own words, or else the SDK's for the D400s."""
    if not sensor.supports(rs.option.visual_preset):
        return {}
    span = sensor.get_option_range(rs.option.visual_preset)
    values = [span.min + i * span.step for i in range(int((span.max - span.min) / span.step) + 1)]
    return {_preset_name(sensor, value): value for value in values}


def _preset_name(sensor: rs.sensor, value: float) -> str:
    said = sensor.get_option_value_description(rs.option.visual_preset, value)
    return (said or rs.rs400_visual_preset(int(value)).name).lower().replace(" ", "_")


def _preset(sensor: rs.sensor, asked: str | None, name: str) -> str:
    if asked is None:
        return ""
    known = preset_names(sensor)
    wanted = asked.lower().replace(" ", "_").replace("-", "_")
    if not known:
        return f"{name}: has no presets; {asked} is left out"
    if wanted not in known:
        close = difflib.get_close_matches(wanted, known, 1)
        hint = f"did you mean '{close[0]}'?" if close else f"it has {', '.join(known)}"
        raise SourceError(f"{name}: has no preset '{asked}'; {hint}")
    return _set(sensor, rs.option.visual_preset, known[wanted], f"{name}: preset {wanted}")


def _emitter(sensor: rs.sensor, mode: Mode, asked: bool | None, name: str) -> str:
    """On helps depth; in infra-red images its dots move with the camera and would be tracked as if they stood still."""
    is_on = mode is not Mode.STEREO if asked is None else asked
    if not sensor.supports(rs.option.emitter_enabled):
        return "" if asked is None else f"{name}: has no emitter to switch {'on' if is_on else 'off'}"
    return _set(sensor, rs.option.emitter_enabled, float(is_on), f"{name}: emitter {'on' if is_on else 'off'}")


def _exposure(sensor: rs.sensor, exposure_ms: float, name: str) -> str:
    _set(sensor, rs.option.enable_auto_exposure, 0.0, "")
    per_ms = DEPTH_EXPOSURE_PER_MS if sensor.is_depth_sensor() else COLOR_EXPOSURE_PER_MS
    what = f"{name}: exposure {exposure_ms:g} ms of its {sensor.get_info(rs.camera_info.name)}"
    return _set(sensor, rs.option.exposure, exposure_ms * per_ms, what, lambda value: f"{value / per_ms:g} ms")


def _has_exposure(sensor: rs.sensor) -> bool:
    return bool(sensor.supports(rs.option.exposure))


def _set(
    sensor: rs.sensor, option: rs.option, value: float, what: str, told: Callable[[float], str] = "{:g}".format
) -> str:
    """A note when the device did not take the value, "" when it did or does not have such an option."""
    if not sensor.supports(option) or sensor.get_option(option) == value:
        return ""
    try:
        sensor.set_option(option, value)
    except RuntimeError as error:
        return f"{what} was not taken ({error}); it stays {told(sensor.get_option(option))}"
    given = sensor.get_option(option)
    return "" if abs(given - value) <= CLOSE_ENOUGH * abs(value) else f"{what} was not taken; it is {told(given)}"
