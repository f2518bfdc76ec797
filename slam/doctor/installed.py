"""What this machine has: processor, packages, libraries, display, cameras and who may use them."""

from __future__ import annotations

import ctypes.util
import importlib.util
import os
import sys
from importlib import metadata
from pathlib import Path

from slam.doctor.finding import Finding, Verdict
from slam.evaluation.environment import hardware, versions

GROUP = "machine"
MATH_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
LIBRARIES = {  # what the packages load, and the Debian package that brings it; tools/check_machine.py asks before
    "GL": "libgl1",
    "EGL": "libegl1",
    "glib-2.0": "libglib2.0-0",
    "usb-1.0": "libusb-1.0-0",
}
EXTRAS = {  # module -> distribution, extra, what it is for
    "open3d": ("open3d", "viewer", "the viewer"),
    "pyrealsense2": ("pyrealsense2", "realsense", "RealSense cameras"),
    "openvino": ("openvino", "openvino", "the runtime of Intel"),
    "evo": ("evo", "bench", "cross-checks of errors"),
}
RULES = (Path("/etc/udev/rules.d"), Path("/lib/udev/rules.d"), Path("/usr/lib/udev/rules.d"))
REALSENSE_RULES = "*realsense*"
GB = 1e9


def installed_findings() -> list[Finding]:
    """Everything that can be told without a camera and without measuring."""
    return [_machine(), _threads(), _gpu(), _packages(), _extras(), _libraries(), _display(), _cameras(), _rules()]


def _machine() -> Finding:
    found = hardware()
    cores = int(found["cores"])
    memory_gb = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / GB
    said = f"{found['cpu']}, {cores} cores for this process, {memory_gb:.1f} GB; Python {sys.version.split()[0]}"
    if cores < 2:
        return Finding(GROUP, "processor", Verdict.HINT, said, "Real time needs a second core: for the extractor.")
    return Finding(GROUP, "processor", Verdict.OK, said)


def _threads() -> Finding:
    values = {name: os.environ.get(name, "") for name in MATH_THREADS}
    said = ", ".join(f"{name}={value or 'not set'}" for name, value in values.items())
    if all(value == "1" for value in values.values()):
        return Finding(GROUP, "math threads", Verdict.OK, "one per worker, as it is fastest")
    return Finding(GROUP, "math threads", Verdict.HINT, said, "Unset them: the program sets 1, which is fastest here.")


def _gpu() -> Finding:
    from slam.matching.runtime_torch import best_device

    if best_device().type == "cpu":
        return Finding(GROUP, "GPU", Verdict.OK, "none that torch can use; none is needed")
    return Finding(GROUP, "GPU", Verdict.OK, "torch can use one: --runtime torch")


def _packages() -> Finding:
    said = ", ".join(f"{name} {version}" for name, version in versions().items() if name != "python")
    return Finding(GROUP, "packages", Verdict.OK, said)


def _extras() -> Finding:
    there, missing = [], []
    for module, (distribution, extra, purpose) in EXTRAS.items():
        if importlib.util.find_spec(module) is not None:
            there.append(f"{distribution} {metadata.version(distribution)}")
        else:
            missing.append(f"{distribution} ({purpose}: pip install 'earlybird-slam[{extra}]')")
    said = "; ".join([*([", ".join(there)] if there else []), *(f"without {each}" for each in missing)])
    return Finding(GROUP, "extras", Verdict.OK, said)


def _libraries() -> Finding:
    missing = [package for library, package in LIBRARIES.items() if ctypes.util.find_library(library) is None]
    if not missing:
        return Finding(GROUP, "libraries", Verdict.OK, f"{', '.join(LIBRARIES.values())} are there")
    advice = f"sudo apt-get install {' '.join(missing)}"
    return Finding(GROUP, "libraries", Verdict.PROBLEM, f"{', '.join(missing)} missing", advice)


def _display() -> Finding:
    if any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")):
        return Finding(GROUP, "display", Verdict.OK, "there is one")
    said = "none: the viewer draws into a file"
    return Finding(GROUP, "display", Verdict.OK, said)


def _cameras(folder: Path = Path("/dev")) -> Finding:
    devices = sorted(folder.glob("video*"))
    if not devices:
        said = "no video device"
        return Finding(GROUP, "cameras", Verdict.UNKNOWN, said, "Plug a camera in, or give one by its address.")
    locked = [device.name for device in devices if not os.access(device, os.R_OK | os.W_OK)]
    said = f"{', '.join(device.name for device in devices)}"
    if not locked:
        return Finding(GROUP, "cameras", Verdict.OK, said)
    advice = "sudo usermod -aG video $USER, then log in again."
    return Finding(GROUP, "cameras", Verdict.PROBLEM, f"{said}; you may not open {', '.join(locked)}", advice)


def _rules(folders: tuple[Path, ...] = RULES) -> Finding:
    """RealSense cameras are opened through USB, which takes a rule of udev unless root asks."""
    subject = "udev rules"
    if importlib.util.find_spec("pyrealsense2") is None:
        return Finding(GROUP, subject, Verdict.OK, "pyrealsense2 is not installed: no RealSense rules are needed")
    if any(found for folder in folders for found in folder.glob(REALSENSE_RULES)):
        return Finding(GROUP, subject, Verdict.OK, "those of RealSense cameras are there")
    said = "none for RealSense cameras: only root can open one"
    advice = "For a RealSense: copy librealsense's config/99-realsense-libusb.rules to /etc/udev/rules.d, replug it."
    return Finding(GROUP, subject, Verdict.HINT if os.geteuid() else Verdict.OK, said, advice if os.geteuid() else "")
