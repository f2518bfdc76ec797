"""The command line's contract without a long run: answers at once, and one clear sentence for every bad input."""

import re
import statistics
import time

import cv2
import numpy as np
import pytest
from command_line import called, replace_image, short_recording, start, typed

from slam.data_files import PACKAGE
from slam.features import FEATURES
from slam.sources import SOURCES

RUN = ("run", "demo", "--max-frames", "3", "--viewer", "none")


@pytest.fixture
def slam(monkeypatch, capsys, tmp_path):
    """``slam("run", "demo")`` in this process and an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISPLAY", raising=False)
    return lambda *args: called(monkeypatch, capsys, *args)


def refused(answer, *words):
    """Exit code 2, and on stderr exactly one sentence of what, where and how to fix it."""
    assert answer.code == 2
    assert answer.err.startswith("error: ") and answer.err.count("\n") == 1 and answer.err.endswith("\n")
    assert "Traceback" not in answer.err + answer.out
    for word in words:
        assert word in answer.err


# --- answers at once ---


def test_help_answers_at_once(tmp_path):
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        answer = typed(tmp_path, "--help")
        seconds.append(time.perf_counter() - begin)
        assert answer.code == 0 and "evaluate" in answer.out
    assert statistics.median(seconds) < 1.0  # s on a busy core; 0.2 s on an idle one


def test_the_version_is_the_packages(slam):
    answer = slam("--version")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("earlybird-slam 0.")


@pytest.mark.parametrize("command", [("run",), ("evaluate",), ("features",), ("render",), ("bench", "trajectory")])
def test_every_command_explains_itself(slam, command):
    answer = slam(*command, "--help")
    assert answer.code == 0 and "Usage" in answer.out


def test_the_help_of_run_names_every_source(slam, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    words = re.findall(r"\w+", slam("run", "--help").out.split("Options")[0])
    assert set(SOURCES) <= set(words)


def test_train_and_download_explain_themselves(slam):
    assert "--resume" in slam("train", "matcher", "--help").out
    assert "slam features" in slam("download", "weights", "--help").out


def test_features_lists_every_row(slam):
    answer = slam("features")
    assert answer.code == 0
    assert [name for name in FEATURES if name not in answer.out] == []
    assert "NON-COMMERCIAL" in answer.out


def failing_import(monkeypatch, cause):
    def app():
        raise ImportError("initialization failed") from cause

    monkeypatch.setattr("slam.cli.app", app)


def test_ctrl_c_while_a_compiled_module_is_imported_leaves_no_traceback(slam, monkeypatch):
    failing_import(monkeypatch, KeyboardInterrupt())
    answer = slam("run", "demo")
    assert (answer.code, answer.err) == (130, "")


def test_an_import_that_fails_by_itself_shows_its_traceback(slam, monkeypatch):
    failing_import(monkeypatch, OSError("libGL.so.1 is missing"))
    with pytest.raises(ImportError, match="initialization failed"):
        slam("run", "demo")


def test_typers_own_complaints_exit_with_2(slam):
    assert slam("run", "demo", "--bogus").code == 2
    assert slam("run").code == 2
    assert slam("dance").code == 2


# --- the small commands ---


def test_render_writes_a_recording_that_can_be_run(slam, tmp_path):
    assert slam("render", "room", "--seconds", "0.2", "--width", "160", "--height", "120").code == 0
    assert len(list((tmp_path / "room" / "rgb").iterdir())) == 6
    assert slam("run", "tum", "room", "--max-frames", "3", "--viewer", "none", "--out", "run").code == 0


def test_render_refuses_a_motion_it_does_not_know(slam):
    refused(slam("render", "room", "--motion", "fly"), "fly", "handheld")


def test_evaluate_prints_the_error_of_a_file(slam, tmp_path):
    folder = short_recording(tmp_path / "short", 12)
    answer = slam("evaluate", folder / "groundtruth.txt", folder / "groundtruth.txt", "--align", "sim3")
    assert answer.code == 0 and "scale 1.0000" in answer.out and "12 compared" in answer.out


@pytest.mark.parametrize("arguments", [("nowhere.txt", "nowhere.txt"), (".", "."), ("words.txt", "words.txt")])
def test_evaluate_refuses_what_is_no_trajectory(slam, tmp_path, arguments):
    (tmp_path / "words.txt").write_text("no numbers here\n")
    refused(slam("evaluate", *arguments), arguments[0])


def test_evaluate_refuses_an_alignment_it_does_not_know(slam, tmp_path):
    truth = short_recording(tmp_path / "short", 5) / "groundtruth.txt"
    refused(slam("evaluate", truth, truth, "--align", "affine"), "affine", "se3 or sim3")


def test_download_refuses_an_unknown_name(slam):
    refused(slam("download", "weights", "superglue"), "superglue", "xfeat")


# --- bad input of a run ---


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "dmo"), ("'dmo' is unknown", "did you mean 'demo'")),
        (("run", "tum"), ("needs a path", "slam run tum PATH")),
        (("run", "tum", "nowhere"), ("nowhere does not exist",)),
        (("run", "euroc", "empty"), ("empty: has no mav0/cam0",)),
        (("run", "kitti", "empty"), ("empty: has no folder image_0",)),
        (("run", "folder", "empty", "--intrinsics", "500,500,320,240"), ("empty: holds no image",)),
        (("run", "tum", "empty"), ("empty: has no rgb.txt",)),
        (("run", "video", "no.mp4", "--intrinsics", "500,500,320,240"), ("no.mp4: is not a video",)),
        ((*RUN, "--mode", "depth"), ("--mode depth", "rgbd, stereo or mono")),
        ((*RUN, "--rig", "kitti_00"), ("640x480", "kitti_00 is for 1241x376")),
        ((*RUN, "--rig", "tum_fr9"), ("rig 'tum_fr9' is unknown", "tum_fr")),
        ((*RUN, "--intrinsics", "500,500,320"), ("--intrinsics 500,500,320: has 3 numbers", "fx,fy,cx,cy")),
        ((*RUN, "--intrinsics", "a,b,c,d"), ("--intrinsics a,b,c,d", "fx,fy,cx,cy")),
        ((*RUN, "--intrinsics", "nan,500,320,240"), ("finite",)),
        ((*RUN, "--rig", "tum_fr1", "--intrinsics", "500,500,320,240"), ("give one of them",)),
        ((*RUN, "--distortion", "0,0,0,0"), ("--distortion: needs --intrinsics",)),
        ((*RUN, "--rig", "tum_fr1", "--distortion", "0,0,0,0"), ("--distortion: the rig has its own",)),
        ((*RUN, "--depth-factor", "0"), ("--depth-factor 0", "positive")),
        ((*RUN, "--max-frames", "0"), ("at least 1",)),
        ((*RUN, "--seed", "-1"), ("run.seed: must be 0 to",)),
        ((*RUN, "--viewer", "opengl"), ("--viewer opengl", "open3d, browser or none")),
        ((*RUN, "--features", "sfit"), ("'sfit'", "did you mean 'sift'")),
        ((*RUN, "--matcher", "lightgleu"), ("'lightgleu'", "did you mean 'lightglue'")),
        ((*RUN, "--features", "orb"), ("none come with features 'orb'", "nearest")),
        ((*RUN, "--set", "tracking"), ("--set tracking", "section.name=value")),
        ((*RUN, "--set", "trackin.min_matches=3"), ("'trackin'", "did you mean 'tracking'")),
        ((*RUN, "--set", "tracking.min_matchs=3"), ("'min_matchs'", "did you mean 'min_matches'")),
        ((*RUN, "--set", "tracking.min_matches=few"), ("must be a whole number, got 'few'",)),
        ((*RUN, "--config", "no.toml"), ("config no.toml: cannot be read",)),
        ((*RUN, "--config", "wrong.toml"), ("wrong.toml", "'min_matchs'", "did you mean 'min_matches'")),
        ((*RUN, "--out", "full"), ("--out full: holds note.txt already",)),
        ((*RUN, "--out", "no.mp4"), ("--out no.mp4: cannot be used",)),
        ((*RUN, "--set", "matcher.weights=no.pt"), ("weights no.pt: no such file",)),
        ((*RUN, "--set", "matcher.weights=no.mp4"), ("weights no.mp4: damaged",)),
    ],
    ids=lambda value: " ".join(value)[-40:] if isinstance(value, tuple) and value[0] == "run" else "",
)
def test_bad_input_is_one_clear_sentence(slam, tmp_path, arguments, words):
    for folder in ("empty", "full"):
        (tmp_path / folder).mkdir()
    (tmp_path / "full" / "note.txt").write_text("mine")
    (tmp_path / "no.mp4").write_text("no video")
    (tmp_path / "wrong.toml").write_text("[tracking]\nmin_matchs = 3\n")
    refused(slam(*arguments), *words)
    assert not (tmp_path / "runs").exists()  # nothing is left of a run that never began


@pytest.mark.parametrize("name", ["rgb.txt", "depth.txt"])
def test_an_empty_list_is_one_clear_sentence(slam, tmp_path, name):
    folder = short_recording(tmp_path / "short", 6)
    (folder / name).write_text("")
    refused(slam("run", "tum", folder, "--viewer", "none"), name)


def test_nan_in_the_ground_truth_is_one_clear_sentence(slam, tmp_path):
    folder = short_recording(tmp_path / "short", 6)
    lines = (folder / "groundtruth.txt").read_text().splitlines()
    lines[3] = lines[3].replace(lines[3].split()[2], "nan")
    (folder / "groundtruth.txt").write_text("\n".join(lines) + "\n")
    refused(slam("run", "tum", folder, "--viewer", "none"), "groundtruth.txt", "line 4")


def test_depth_of_another_size_is_one_clear_sentence(slam, tmp_path):
    folder = short_recording(tmp_path / "short", 6)
    small = cv2.imencode(".png", np.full((240, 320), 5000, np.uint16))[1].tobytes()
    for index in range(6):
        replace_image(folder, index, small, "depth")
    refused(slam("run", "tum", folder, "--viewer", "none"), "depth is 320x240 but the image is 640x480")


def test_a_broken_first_image_is_one_clear_sentence(slam, tmp_path):
    folder = short_recording(tmp_path / "short", 6)
    replace_image(folder, 0, b"\xff\xd8 no picture")
    refused(slam("run", "tum", folder, "--viewer", "none"), "1600000000.000000.jpg")


def test_weights_of_another_sha256_are_one_clear_sentence(slam, tmp_path):
    (tmp_path / "my.pt").write_bytes(b"not what was promised")
    (tmp_path / "my.pt.sha256").write_text("0" * 64 + "  my.pt\n")
    refused(slam(*RUN, "--set", "matcher.weights=my.pt"), "my.pt", "sha256")


def test_weights_cut_short_are_one_clear_sentence(slam, tmp_path):
    whole = (PACKAGE / "weights" / "sift-earlybird.pt").read_bytes()
    (tmp_path / "cut.pt").write_bytes(whole[:5000])
    refused(slam(*RUN, "--set", "matcher.weights=cut.pt"), "cut.pt", "damaged")


def test_a_launch_file_of_ones_own_runs_and_the_command_line_wins(slam, tmp_path):
    (tmp_path / "mine.toml").write_text('source = "demo"\nmode = "mono"\n[settings.run]\nseed = 4\n')
    answer = slam("run", "mine.toml", "--mode", "rgbd", "--max-frames", "3", "--viewer", "none", "--out", "run")
    assert answer.code == 0
    assert '"mode": "rgbd"' in (tmp_path / "run" / "summary.json").read_text()
    assert "seed = 4" in (tmp_path / "run" / "config.toml").read_text()


# --- the same through a real shell ---


def test_bad_input_through_the_shell(tmp_path):
    (tmp_path / "empty").mkdir()
    calls = [("run", "tum", "empty"), (*RUN, "--set", "a.b=c"), ("run", "video", "empty")]
    for process in [start(tmp_path, *arguments) for arguments in calls]:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out.strip()) == (2, "")
        assert err.startswith("error: ") and err.count("\n") == 1
