"""The whole examination, as the user calls it, on recordings that are known."""

import json
import xml.etree.ElementTree as ElementTree

import pytest
from command_line import called, short_recording
from mjpeg import MjpegCamera

from slam.data_files import data_dir
from slam.doctor.doctor import examine
from slam.doctor.finding import Finding, Verdict, by_weight, graded, has_problem
from slam.doctor.guess import layout_of
from slam.errors import SourceError
from slam.sources import open_source
from slam.types import Mode

DEMO = data_dir("datasets") / "demo"


@pytest.fixture
def slam(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *args: called(monkeypatch, capsys, *args)


def problems(findings):
    return {finding.subject for finding in findings if finding.verdict is Verdict.PROBLEM}


@pytest.mark.parametrize("mode", [Mode.RGBD, Mode.STEREO])
def test_the_demo_has_no_problem_and_no_hint(mode):
    findings = examine(open_source("demo", None, mode=mode), 1.5)
    assert {finding.verdict for finding in findings} == {Verdict.OK, Verdict.UNKNOWN}
    assert all(finding.measured for finding in findings)


def test_the_command_shows_findings_writes_them_and_draws_them(slam, tmp_path):
    answer = slam("doctor", DEMO / "euroc", "--seconds", 0.7, "--json", "found.json", "--picture", "found.svg")
    assert (answer.code, answer.err) == (0, "")
    assert "repeated pictures" in answer.out
    rows = json.loads((tmp_path / "found.json").read_text())
    assert {row["group"] for row in rows} == {
        "timing", "picture", "shutter", "inertial", "camera and IMU", "calibration",
    }  # fmt: skip
    assert {row["verdict"] for row in rows} <= {"ok", "not known"}
    drawn = (tmp_path / "found.svg").read_text()
    assert ElementTree.fromstring(drawn).tag.endswith("svg")
    assert all(words in drawn for words in ("slam&#160;doctor", "repeated&#160;pictures", "time&#160;offset"))
    assert "url(http" not in drawn  # nothing is fetched to show it


def test_a_problem_ends_with_code_1_and_what_to_do_first(slam, tmp_path):
    folder = short_recording(tmp_path / "short", 12)
    images = sorted((folder / "rgb").iterdir())
    for image in images[1:]:
        image.unlink()
        image.write_bytes(images[0].read_bytes())
    answer = slam("doctor", "tum", folder)
    assert answer.code == 1
    todo = answer.out[answer.out.index("what to do") :]
    assert "Unplug the camera" in todo or "true rate" in todo


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("webcma",), "neither a source nor a path"),
        (("tum", "missing"), "does not exist"),
        (("demo", "--mode", "radar"), "write rgbd, stereo or mono"),
        (("demo", "--picture", "a.png"), "ends in .svg"),
        (("demo", "--picture", "no/a.svg"), "folder is missing"),
        ((".",), "no recording of a known layout"),
        ((".", "other"), "two paths"),
    ],
)
def test_bad_input_is_one_sentence_and_code_2(slam, args, words):
    answer = slam("doctor", *args)
    assert answer.code == 2
    assert words in answer.err
    assert answer.err.count("\n") == 1


def test_without_a_source_the_machine_is_examined_and_timed(slam):
    answer = slam("doctor", "--seconds", 0.1)
    assert answer.code in (0, 1)
    assert answer.err == ""
    for words in ("processor", "libraries", "runtime", "30 fps"):
        assert words in answer.out


def test_layouts_are_told_by_their_files(tmp_path):
    assert layout_of(DEMO / "tum") == "tum"
    assert layout_of(DEMO / "euroc") == layout_of(DEMO / "euroc/mav0") == "euroc"
    assert layout_of(DEMO) == "demo"
    assert layout_of(DEMO / "tum/rgb") == "folder"
    assert layout_of(DEMO / "tum/rgb.txt") == "video"
    (tmp_path / "image_0").mkdir()
    assert layout_of(tmp_path) == "kitti"
    for name in ("rgb.txt", "imu.csv"):
        (tmp_path / name).touch()
    assert layout_of(tmp_path) == "recorded"
    with pytest.raises(SourceError):
        layout_of(tmp_path / "image_0")


def test_the_gravest_comes_first_and_only_what_has_something_to_do():
    ok, hint, problem = (
        Finding("g", str(verdict), verdict, "m", advice)
        for verdict, advice in ((Verdict.OK, ""), (Verdict.HINT, "a"), (Verdict.PROBLEM, "b"))
    )
    assert by_weight([ok, hint, problem]) == [problem, hint]
    assert has_problem([hint, problem])
    assert not has_problem([ok, hint])
    assert [graded(value, 1, 2) for value in (1, 2, 3)] == [Verdict.OK, Verdict.HINT, Verdict.PROBLEM]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "layout", "expected"),
    [
        ("euroc_v101_moving_90", "euroc", set()),
        ("euroc_v101_static_stereo_12", "euroc", set()),
        ("kitti_stereo_30", "kitti", set()),
        ("tum_fr1_10", "tum", set()),
        # Kinect, not registered, and 16 of its pictures repeat the one before to the bit
        ("sevenscenes_300", "tum", {"repeated pictures", "depth on picture"}),
    ],
)
def test_recorded_sequences_have_no_problem_but_their_own(recorded, name, layout, expected):
    assert problems(examine(open_source(layout, recorded / "sequences" / name))) == expected


@pytest.fixture(scope="module")
def jpegs():
    """The demo there and back."""
    there = [path.read_bytes() for path in sorted((DEMO / "tum/rgb").glob("*.jpg"))]
    return there + there[-2:0:-1]


def test_a_camera_on_the_network_is_examined_while_it_runs(slam, jpegs, tmp_path):
    with MjpegCamera(lambda index: jpegs[index % len(jpegs)], fps=15.0) as camera:
        slam("doctor", "webcam", camera.address, "--seconds", 1.5, "--json", "found.json")
    found = {row["subject"]: row for row in json.loads((tmp_path / "found.json").read_text())}
    assert found["order"]["verdict"] == found["exposure"]["verdict"] == "ok"
    assert 10 < float(found["rate"]["measured"].split("s: ")[1].split(" fps")[0]) < 20
    assert "frames arrive" in found["way to us"]["measured"]
    assert "the guess of" in found["focal length"]["measured"]


@pytest.mark.slow
def test_a_camera_that_falls_silent_is_a_problem_within_seconds(slam, jpegs):
    def image(index):
        if index == 60:  # it was opened long before, on a slow machine too
            camera.silence()
        return jpegs[index]

    with MjpegCamera(image, fps=15.0) as camera:
        answer = slam("doctor", "webcam", camera.address, "--seconds", 30)
    assert answer.code == 1
    assert "the camera is silent" in answer.out
