"""The RealSense cameras that are connected: to list them, and to choose one by its serial number."""

from __future__ import annotations

import pyrealsense2 as rs

from slam.errors import SourceError
from slam.sources.realsense_streams import NAMES, key_of

HEADER = ("name", "serial", "firmware", "USB", "streams")
NONE_FOUND = (
    "no RealSense camera is connected; check the cable (USB 3), whether `lsusb` shows 8086, "
    "and the udev rules of librealsense, without which only root may open it"
)
UNKNOWN = "?"


def device_rows() -> list[tuple[str, ...]]:
    """One row per connected camera."""
    return [device_row(device) for device in rs.context().query_devices()]


def device_row(device: rs.device) -> tuple[str, ...]:
    """Name, serial number, firmware, kind of USB, and streams with their largest size."""
    return (
        info(device, rs.camera_info.name),
        info(device, rs.camera_info.serial_number),
        info(device, rs.camera_info.firmware_version),
        f"{info(device, rs.camera_info.usb_type_descriptor)}{' (slow: use USB 3)' if is_slow(device) else ''}",
        ", ".join(_stream_texts(device)),
    )


def chosen_device(serial: str | None) -> rs.device:
    """The camera of a serial number, or the only one. Raises SourceError when that is not clear."""
    return the_device(list(rs.context().query_devices()), serial)


def the_device(devices: list[rs.device], serial: str | None) -> rs.device:
    """As chosen_device, among the given ones."""
    serials = [info(device, rs.camera_info.serial_number) for device in devices]
    if not devices:
        raise SourceError(f"source realsense: {NONE_FOUND}")
    if serial is None and len(devices) > 1:
        raise SourceError(f"source realsense: {len(devices)} cameras; choose with --serial: {', '.join(serials)}")
    if serial is not None and serial not in serials:
        raise SourceError(f"source realsense: no camera has serial number {serial}; there: {', '.join(serials)}")
    return devices[0 if serial is None else serials.index(serial)]


def info(device: rs.device, what: rs.camera_info) -> str:
    return str(device.get_info(what)) if device.supports(what) else UNKNOWN


def is_slow(device: rs.device) -> bool:
    """Whether it hangs on USB 2."""
    return info(device, rs.camera_info.usb_type_descriptor).startswith("2")


def _stream_texts(device: rs.device) -> list[str]:
    largest: dict[str, tuple[int, int]] = {}
    for sensor in device.query_sensors():
        for profile in sensor.get_stream_profiles():
            name = NAMES.get(key_of(profile), profile.stream_name())
            video = profile.as_video_stream_profile() if profile.is_video_stream_profile() else None
            size = (video.width(), video.height()) if video else (0, 0)
            largest[name] = max(largest.get(name, (0, 0)), size)
    return [f"{name} {width}x{height}" if width else name for name, (width, height) in largest.items()]
