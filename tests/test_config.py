"""Configuration: what is written can be read, and every mistake is one sentence with a suggestion."""

import pytest

from slam.config import FeatureConfig, SlamConfig, as_dict, load_config, with_setting, write_config
from slam.errors import ConfigError
from slam.types import Mode


def loaded(tmp_path, text):
    path = tmp_path / "config.toml"
    path.write_text(text)
    return load_config(path)


def test_the_defaults_make_the_round_trip(tmp_path):
    write_config(SlamConfig(), tmp_path / "config.toml")
    assert load_config(tmp_path / "config.toml") == SlamConfig()


def test_changed_settings_make_the_round_trip_under_a_header(tmp_path):
    config = with_setting(with_setting(SlamConfig(), "features.name=orb"), "graph.huber=2.25")
    write_config(config, tmp_path / "config.toml", {"commit": "abc = 1"})
    assert (tmp_path / "config.toml").read_text().startswith("# commit = abc = 1\n")
    assert load_config(tmp_path / "config.toml") == config


def test_an_empty_file_means_the_defaults(tmp_path):
    assert loaded(tmp_path, "") == SlamConfig()


def test_a_file_changes_only_what_it_names(tmp_path):
    config = loaded(tmp_path, "[tracking]\nmin_matches = 20\n")
    assert config.tracking.min_matches == 20
    assert config.tracking.min_inliers == SlamConfig().tracking.min_inliers
    assert config.mapping == SlamConfig().mapping


def test_an_unknown_setting_is_an_error_with_a_suggestion(tmp_path):
    with pytest.raises(ConfigError, match=r"config\.toml.*unknown setting 'min_matchs'; did you mean 'min_matches'\?"):
        loaded(tmp_path, "[tracking]\nmin_matchs = 20\n")


def test_an_unknown_section_is_an_error_with_a_suggestion(tmp_path):
    with pytest.raises(ConfigError, match=r"unknown setting 'trackin'; did you mean 'tracking'\?"):
        loaded(tmp_path, "[trackin]\nmin_matches = 20\n")


def test_a_name_like_no_other_lists_the_known_ones():
    with pytest.raises(ConfigError, match=r"known: ahead, final_ba_s, fps, graph_frames, seed, viewer_hz"):
        with_setting(SlamConfig(), "run.zzz=1")


@pytest.mark.parametrize(
    ("setting", "what"),
    [
        ("tracking.min_matches=2.5", "a whole number"),
        ("tracking.min_matches=true", "a whole number"),
        ("graph.huber=true", "a number"),
        ("graph.huber=wide", "a number"),
        ("features.name=3", "text"),
    ],
)
def test_a_value_of_the_wrong_type_is_an_error_that_names_the_right_one(setting, what):
    with pytest.raises(ConfigError, match=f"must be {what}, got"):
        with_setting(SlamConfig(), setting)


def test_a_whole_number_will_do_for_a_float():
    huber = with_setting(SlamConfig(), "graph.huber=2").graph.huber
    assert (huber, type(huber)) == (2.0, float)


@pytest.mark.parametrize("setting", ["features.name=orb", 'features.name="orb"', " features.name = orb "])
def test_a_setting_is_toml_or_a_bare_word(setting):
    assert with_setting(SlamConfig(), setting).features.name == "orb"


@pytest.mark.parametrize("setting", ["features", "features.name", "features=orb", "features.=orb", "=3"])
def test_a_setting_of_another_form_is_an_error_that_shows_the_form(setting):
    with pytest.raises(ConfigError, match=r"write it as section\.name=value"):
        with_setting(SlamConfig(), setting)


def test_a_section_where_a_value_belongs_and_the_reverse_are_errors(tmp_path):
    with pytest.raises(ConfigError, match=r"tracking: is a section; write \[tracking\]"):
        loaded(tmp_path, "tracking = 3\n")
    with pytest.raises(ConfigError, match="must be a whole number"):
        loaded(tmp_path, "[tracking.min_matches]\nvalue = 3\n")


def test_a_missing_file_and_broken_toml_are_errors(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="not valid TOML"):
        loaded(tmp_path, "[tracking\n")


def test_a_config_never_changes_in_place():
    before = as_dict(SlamConfig())
    config = SlamConfig()
    with_setting(config, "features.name=orb")
    assert as_dict(config) == before
    with pytest.raises(AttributeError):
        config.features.name = "orb"


def test_aliked_alone_means_the_normal_one():
    assert FeatureConfig(name="aliked").name == "aliked-n16"
    assert FeatureConfig(name="aliked-t16").name == "aliked-t16"


def test_a_stereo_pair_has_settings_of_its_own_and_other_modes_keep_theirs():
    config = SlamConfig()
    stereo = config.for_mode(Mode.STEREO)
    assert stereo.tracking.local_landmarks == config.tracking.stereo_local_landmarks
    assert stereo.graph.sigma_disparity_px == config.graph.stereo_sigma_disparity_px
    assert stereo.for_mode(Mode.STEREO) == stereo
    assert config.for_mode(Mode.RGBD) == config.for_mode(Mode.MONO) == config
