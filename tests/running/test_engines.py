"""Both engines on work of the standard library; Ray's workers are really killed."""

import json
import subprocess
import sys

import pytest

from slam.errors import ConfigError, MissingExtraError
from slam.running.engines import Lost, results_here, results_on_ray


@pytest.mark.parametrize("workers", [1, 3])
def test_the_local_engine_works_on_every_item(workers):
    found = dict(results_here(subprocess.getoutput, ["echo a", "echo b", "echo c", "echo d"], workers))
    assert found == {"echo a": "a", "echo b": "b", "echo c": "c", "echo d": "d"}


@pytest.mark.parametrize("workers", [1, 2])
def test_what_the_work_raises_ends_the_local_engine(workers, tmp_path):
    later = [f'"{i}"' for i in range(50)]
    with pytest.raises(ValueError, match="Expecting value"):
        list(results_here(json.loads, ["no json", *later], workers))


def test_a_piece_whose_worker_is_killed_is_done_by_another(tmp_path):
    pytest.importorskip("ray")
    flag = tmp_path / "was_here"
    once = f"test -e {flag} || {{ touch {flag}; kill -9 $PPID; }}; echo after"  # the shell's parent is the worker
    always = f"echo x >> {tmp_path}/tries; kill -9 $PPID"
    found = dict(results_on_ray(subprocess.getoutput, ["echo one", once, "echo two", always], workers=2))
    lost = found.pop(always)
    assert found == {"echo one": "one", once: "after", "echo two": "two"}
    assert isinstance(lost, Lost)
    assert "4 times" in lost.why
    assert (tmp_path / "tries").read_text().count("x") == 4


def test_work_on_ray_is_told_how_its_child_processes_ended():
    pytest.importorskip("ray")
    found = dict(results_on_ray(subprocess.getstatusoutput, ["exit 3", "true"], workers=1))
    assert found == {"exit 3": (3, ""), "true": (0, "")}


def test_what_the_work_raises_on_ray_is_raised_here_and_ray_ends():
    ray = pytest.importorskip("ray")
    with pytest.raises(ValueError, match="Expecting value"):
        list(results_on_ray(json.loads, ["1", "no json"], workers=1))
    assert not ray.is_initialized()


@pytest.mark.parametrize("address", ["127.0.0.1:9", "ray://127.0.0.1:9", "nonsense"])
def test_an_address_without_a_cluster_is_one_sentence_at_once(address):
    pytest.importorskip("ray")
    with pytest.raises(ConfigError, match=f"--address {address}: no Ray cluster answers .*ray start --head"):
        list(results_on_ray(json.loads, ["1"], workers=1, address=address))


def test_without_ray_the_sentence_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setattr("slam.running.engines.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"earlybird-slam\[ray\]"):
        list(results_on_ray(json.loads, ["1"], workers=1))
