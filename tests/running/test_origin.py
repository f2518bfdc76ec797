"""What a run's folder says about its recording: enough to open it again from anywhere."""

from pathlib import Path

import pytest

from slam.errors import ConfigError
from slam.running.options import RunOptions, opened_source
from slam.running.origin import Origin, origin_of, read_origin, write_origin


def there_and_back(folder, options):
    origin = origin_of(options, opened_source(options))
    write_origin(folder, origin)
    assert read_origin(folder) == origin
    return origin


def test_a_recording_is_opened_again_with_the_options_it_had(tmp_path):
    options = RunOptions("demo", mode="mono", intrinsics="500,501,320,240", distortion="0.1,0.01,0,0")
    origin = there_and_back(tmp_path, options)
    assert opened_source(origin.options()).rig.left == opened_source(options).rig.left
    assert not origin.is_live and origin.map is None


def test_paths_are_absolute_and_names_of_rigs_stay_names(tmp_path, monkeypatch):
    demo = Path(opened_source(RunOptions("demo")).path)
    monkeypatch.chdir(demo.parent)
    named = there_and_back(tmp_path, RunOptions("tum", Path(demo.name), rig="sevenscenes", map=Path("a.map")))
    assert (named.path, named.rig, named.map) == (str(demo), "sevenscenes", str(demo.parent / "a.map"))
    filed = there_and_back(tmp_path, RunOptions("tum", Path(demo.name), rig=f"{demo.name}/rig.toml"))
    assert filed.rig == str(demo / "rig.toml")


def test_the_mode_is_the_one_the_run_had(tmp_path):
    assert there_and_back(tmp_path, RunOptions("demo")).mode == "rgbd"


def test_a_folder_that_is_none_of_a_run_says_what_to_give(tmp_path):
    with pytest.raises(ConfigError, match="give a folder that `slam run` left"):
        read_origin(tmp_path)


def test_a_folder_that_takes_nothing_is_one_clear_error(tmp_path):
    with pytest.raises(ConfigError, match="cannot be written"):
        write_origin(tmp_path / "gone", Origin("demo", False))
