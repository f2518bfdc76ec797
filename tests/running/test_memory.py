"""Memory that is kept: the same block costs no page faults the second time, here and in a child."""

import os
import subprocess
import sys

import pytest

from slam.running.memory import VARIABLES, keep_freed_memory

CHILD = """
import resource, numpy as np
from slam.running.memory import keep_freed_memory
{call}
np.ones(3_000_000 // 8); before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20): np.ones(3_000_000 // 8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(call, environment):
    command = [sys.executable, "-c", CHILD.format(call=call)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout)


@pytest.fixture
def plain_environment():
    return {name: value for name, value in os.environ.items() if name not in VARIABLES}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's setting")
def test_a_block_that_was_freed_comes_back_without_page_faults(plain_environment):
    assert faults("keep_freed_memory()", plain_environment) < 200


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's setting")
def test_children_inherit_it(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert keep_freed_memory()
    assert faults("", dict(os.environ)) < 200


def test_what_the_user_has_set_stays(monkeypatch):
    monkeypatch.setenv(VARIABLES[0], "65536")
    monkeypatch.delenv(VARIABLES[1], raising=False)
    assert not keep_freed_memory()
    assert os.environ[VARIABLES[0]] == "65536"
    assert VARIABLES[1] not in os.environ
