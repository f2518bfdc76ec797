"""Builds the wheel and the source archive and uses them as a stranger would: python tools/check_release.py [DIST].

A bare environment gets the wheel with constraints.txt and nothing else; the demo runs from an empty folder, and
programs of users are checked by mypy --strict against the installed types. Run it with an environment that has `build`
and `mypy`. The temporary folder wants 2 GB.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
CARRIED = ("calib", "datasets", "launch")
DEMO_ATE_M = 0.010  # the README's target for the demo with depth
USER_PROGRAMS = ("offline.py", "own_camera.py", "map_and_localize.py")
NAMES_PROGRAM = """\
from pathlib import Path
from typing import assert_type

import slam

assert_type(slam.Slam(slam.Camera(640, 480, 500.0, 500.0, 320.0, 240.0), slam.Mode.MONO).trajectory(), slam.Trajectory)
assert_type(slam.load_rig("tum_fr1"), slam.Rig)
assert_type(slam.load_config(Path("config.toml")), slam.SlamConfig)
"""
MISSPELT_PROGRAM = "import slam\n\nslam.Slan\n"


def expected_names(root: Path) -> set[str]:
    """What a wheel must hold beside its dist-info: the files of slam/ and of the folders that it carries."""
    tracked = subprocess.check_output(["git", "ls-files", "slam", *CARRIED], cwd=root, text=True).splitlines()
    return {name if name.startswith("slam/") else f"slam/_data/{name}" for name in tracked}


def wheel_problems(names: list[str], expected: set[str]) -> list[str]:
    """What a wheel lacks, and what it should not have."""
    held = {name for name in names if ".dist-info/" not in name}
    missing = [f"missing: {name}" for name in sorted(expected - held)]
    return missing + [f"does not belong there: {name}" for name in sorted(held - expected)]


def contents(wheel: Path) -> dict[str, int]:
    """The checksum of every file of a wheel, its own list of checksums left out."""
    with zipfile.ZipFile(wheel) as archive:
        return {entry.filename: entry.CRC for entry in archive.infolist() if not entry.filename.endswith("/RECORD")}


def build(dist: Path, scratch: Path) -> tuple[Path, Path]:
    """Make DIST: the archive, and the wheel from it; a wheel from the checkout must hold the same."""
    for old in (dist, ROOT / "build"):  # setuptools keeps deleted modules in build/
        shutil.rmtree(old, ignore_errors=True)
    for what, folder in ((), dist), (("--wheel",), scratch / "direct"):
        done = run([sys.executable, "-m", "build", *what, "--outdir", folder, ROOT], scratch)
        demand("absent from the `packages`" not in done, "setuptools warns of folders that are no packages", done)
    (wheel,), (archive,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    (direct,) = (scratch / "direct").glob("*.whl")
    problems = wheel_problems(list(contents(wheel)), expected_names(ROOT))
    demand(not problems, "the wheel does not hold what it should", "\n".join(problems[:20]))
    demand(contents(wheel) == contents(direct), "the source archive makes another wheel than the checkout does")
    say(f"{wheel.name} {wheel.stat().st_size / 1e6:.1f} MB, {archive.name} {archive.stat().st_size / 1e6:.1f} MB")
    return wheel, archive


def bare_environment(scratch: Path, wheel: Path) -> Path:
    """The folder of programs of a new environment that holds the wheel and what it needs."""
    venv.create(scratch / "bare", with_pip=True)
    binaries = scratch / "bare" / "bin"
    run([binaries / "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", wheel], scratch)
    run([binaries / "pip", "check"], scratch)
    say("installed into a bare environment")
    return binaries


def try_commands(slam: Path, empty: Path) -> None:
    """What a newcomer types first, in a folder where nothing is."""
    for words in (["--version"], ["--help"], ["features"], ["datasets"], ["run", "--help"]):
        run([slam, *words], empty)
    run([slam, "run", "demo", "--viewer", "none", "--out", "X"], empty)
    summary = json.loads((empty / "X" / "summary.json").read_text())
    figures = f"{summary['tracked']} of {summary['frames']} frames, ATE {summary['ate']['rmse']:.4f} m"
    demand(summary["ate"]["rmse"] < DEMO_ATE_M and summary["tracked"] == 150, f"the demo went wrong: {figures}")
    say(f"demo from an empty folder: {figures}")


def try_types(python: Path, empty: Path) -> None:
    """Programs that use the public names pass mypy --strict, and one with a misspelt name does not."""
    check = [sys.executable, "-m", "mypy", "--strict", "--python-executable", python, "--cache-dir", empty / ".mypy"]
    (empty / "names.py").write_text(NAMES_PROGRAM)
    (empty / "misspelt.py").write_text(MISSPELT_PROGRAM)
    for name in USER_PROGRAMS:
        shutil.copy(ROOT / "docs" / "examples" / name, empty)
    run([*check, "names.py", *USER_PROGRAMS], empty)
    refused = subprocess.run([*check, "misspelt.py"], cwd=empty, env=stranger(), capture_output=True, text=True)
    demand('has no attribute "Slan"' in refused.stdout, "a misspelt public name passes mypy", refused.stdout)
    say(f"mypy --strict: {', '.join(USER_PROGRAMS)} and a program of public names")


def stranger() -> dict[str, str]:
    """The environment without what would let the checkout in."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}


def run(command: list[object], folder: Path) -> str:
    """What it says. A command that fails ends the check with all that it said."""
    words = list(map(str, command))
    done = subprocess.run(
        words, cwd=folder, env=stranger(), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900
    )
    demand(done.returncode == 0, f"failed: {' '.join(words)}", done.stdout)
    return done.stdout


def demand(is_so: bool, complaint: str, details: str = "") -> None:
    if not is_so:
        sys.exit(f"{details}\nrelease check: {complaint}".lstrip())


def say(words: str) -> None:
    print(f"release check: {words}", flush=True)


def main(dist: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="earlybird-release-") as name:
        scratch = Path(name)
        empty = scratch / "empty"
        empty.mkdir()
        wheel, archive = build(dist, scratch)
        binaries = bare_environment(scratch, wheel)
        try_commands(binaries / "slam", empty)
        try_types(binaries / "python", empty)
        run([binaries / "pip", "install", "--quiet", "--no-deps", "--force-reinstall", archive], scratch)
        run([binaries / "slam", "run", "demo", "--viewer", "none", "--max-frames", "30", "--out", "Y"], empty)
        say("the source archive installs and runs too")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT / "dist")
