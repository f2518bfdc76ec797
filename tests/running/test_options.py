from dataclasses import replace
from pathlib import Path

import pytest

from slam.config import SlamConfig
from slam.errors import ConfigError
from slam.running.options import RunOptions, effective_config, opened_source, with_launch_file
from slam.types import Mode


def launch_file(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return str(path)


def test_a_source_that_is_no_launch_file_stays_as_typed():
    options = RunOptions("demo", mode="mono")
    assert with_launch_file(options) == (options, {})


def test_a_launch_file_fills_what_was_not_typed(tmp_path):
    text = 'source = "tum"\npath = "there"\nmode = "mono"\nrig = "tum_fr1"\nrealtime = true\n[settings.run]\nseed = 7\n'
    options, settings = with_launch_file(RunOptions(launch_file(tmp_path, text)))
    assert (options.source, options.path, options.mode, options.rig) == ("tum", Path("there"), "mono", "tum_fr1")
    assert options.realtime and effective_config(options, settings).run.seed == 7


def test_what_was_typed_wins_over_the_launch_file(tmp_path):
    text = 'source = "tum"\npath = "there"\nmode = "mono"\nrig = "tum_fr1"\n[settings.run]\nseed = 7\n'
    typed = RunOptions(launch_file(tmp_path, text), Path("here"), "rgbd", "tum_fr2", seed=9)
    options, settings = with_launch_file(typed)
    assert (options.path, options.mode, options.rig) == (Path("here"), "rgbd", "tum_fr2")
    assert effective_config(options, settings).run.seed == 9


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('source = "tum"\nmod = "mono"\n', "unknown key 'mod'; did you mean 'mode'"),
        ('mode = "mono"\n', "has no 'source'"),
        ("source = 3\n", "source must be text, got 3"),
        ('source = "tum"\nrealtime = "yes"\n', "realtime must be true or false"),
        ('source = "tum"\nsettings = 3\n', "settings must be a section"),
        ('source = "tum"', "unknown setting 'trackin'; did you mean 'tracking'"),
        ("source = ", "not valid TOML"),
    ],
)
def test_a_wrong_launch_file_is_one_clear_error(tmp_path, text, complaint):
    text += "\n[settings.trackin]\nmin_matches = 3\n" if "trackin" in complaint else ""
    with pytest.raises(ConfigError, match=complaint):
        effective_config(*with_launch_file(RunOptions(launch_file(tmp_path, text))))


def test_the_order_is_defaults_then_file_then_option_then_set(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text('[run]\nseed = 1\n[tracking]\nmin_matches = 21\n[features]\nname = "orb"\n')
    options = RunOptions("demo", config=file, seed=2, features="sift", settings=("run.seed=3",))
    config = effective_config(options, {"run": {"seed": 5, "ahead": 2}})
    assert (config.run.seed, config.run.ahead, config.tracking.min_matches, config.features.name) == (3, 2, 21, "sift")


def test_the_rate_and_the_runtime_find_their_settings():
    config = effective_config(RunOptions("demo", fps=30.0, runtime="onnx"), {})
    assert (config.run.fps, config.matcher.runtime, config.features.runtime) == (30.0, "onnx", "onnx")


def test_openvino_is_for_the_extractor_alone():
    config = effective_config(RunOptions("demo", runtime="openvino"), {})
    assert (config.matcher.runtime, config.features.runtime) == ("auto", "openvino")


@pytest.mark.parametrize("fps", [-1.0, float("inf"), float("nan")])
def test_a_rate_that_is_none_is_an_error(fps):
    with pytest.raises(ConfigError, match="must be at least 0 frames per second"):
        effective_config(RunOptions("demo", fps=fps), {})


def test_nothing_typed_is_the_default_configuration():
    assert effective_config(RunOptions("demo"), {}) == SlamConfig()


def test_the_intrinsics_become_the_rig():
    options = RunOptions("demo", mode="mono", intrinsics="500,501,320,240", distortion="0.1,0.01,0,0", max_frames=2)
    left = opened_source(options).rig.left
    assert (left.fx, left.fy, left.cx, left.cy) == (500.0, 501.0, 320.0, 240.0)
    assert left.distortion[:2] == (0.1, 0.01)


def test_the_mode_that_was_typed_is_the_sources():
    for mode in Mode:
        assert opened_source(RunOptions("demo", mode=mode.value, max_frames=2)).mode is mode


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_numpy_does_not_take_is_an_error(seed):
    with pytest.raises(ConfigError, match="must be 0 to 4294967295"):
        effective_config(replace(RunOptions("demo"), seed=seed), {})
