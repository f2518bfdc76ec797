"""What the release check says of a wheel; the rest of it is run by CI."""

import importlib.util
import zipfile
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "tools" / "check_release.py"
spec = importlib.util.spec_from_file_location("check_release", PROGRAM)
check_release = importlib.util.module_from_spec(spec)
spec.loader.exec_module(check_release)


def test_what_a_wheel_lacks_and_what_does_not_belong_there_is_named():
    names = ["slam/cli.py", "tests/test_cli.py", "earlybird_slam-1.dist-info/METADATA"]
    assert check_release.wheel_problems(names, {"slam/cli.py", "slam/py.typed"}) == [
        "missing: slam/py.typed",
        "does not belong there: tests/test_cli.py",
    ]


def test_the_checkout_says_what_a_wheel_must_hold():
    expected = check_release.expected_names(check_release.ROOT)
    assert {"slam/py.typed", "slam/weights/earlybird-matcher.pt", "slam/_data/calib/webcam.toml"} <= expected
    assert not [name for name in expected if not name.startswith("slam/")]


def test_wheels_that_differ_in_one_byte_differ_and_their_own_records_do_not_count(tmp_path):
    wheels = [tmp_path / name for name in ("a.whl", "b.whl", "c.whl")]
    for wheel, text, record in zip(wheels, ("one", "one", "two"), ("x", "y", "x"), strict=True):
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("slam/cli.py", text)
            archive.writestr("slam.dist-info/RECORD", record)
    first, second, third = map(check_release.contents, wheels)
    assert first == second != third


def test_a_command_that_fails_ends_the_check_with_what_it_said(tmp_path):
    with pytest.raises(SystemExit, match=r"(?s)nowhere.*release check: failed: ls nowhere"):
        check_release.run(["ls", "nowhere"], tmp_path)
