"""Says in one sentence what this machine lacks before anything is installed. Uses the standard library only."""

import ctypes.util
import sys

LIBRARIES = {  # what the packages load, and the Debian package that brings it
    "GL": "libgl1",
    "EGL": "libegl1",
    "glib-2.0": "libglib2.0-0",
    "usb-1.0": "libusb-1.0-0",
}


def main() -> int:
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        print(f"Python 3.11 to 3.13 is needed, this is {sys.version.split()[0]}; run: make PYTHON=python3.12 run")
        return 1
    missing = [package for library, package in LIBRARIES.items() if ctypes.util.find_library(library) is None]
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        missing.append(f"python{sys.version_info[0]}.{sys.version_info[1]}-venv")
    if missing:
        print(f"Debian packages are missing; run: apt-get install {' '.join(missing)}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
