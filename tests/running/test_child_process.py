"""Processes that are waited for: how they ended, what they said last, what they cost."""

import sys
import time

from slam.running.child_process import ended


def test_exit_code_last_line_and_processor_time_are_told():
    done = ended([sys.executable, "-c", "print('one'); sum(range(10**7)); print('two'); raise SystemExit(3)"], 30.0)
    assert (done.code, done.last_line) == (3, "two")
    assert 0.05 < done.cpu_s <= done.wall_s + 0.2


def test_a_process_is_killed_when_its_time_is_up():
    start_s = time.monotonic()
    done = ended(["sleep", "60"], 0.3)
    assert done.code is None and done.last_line == "no message"
    assert time.monotonic() - start_s < 5.0


def test_a_signal_is_a_negative_code():
    assert ended(["sh", "-c", "echo before; kill -9 $$"], 30.0).code == -9


def test_math_has_one_thread():
    assert ended(["sh", "-c", "echo $OMP_NUM_THREADS $OPENBLAS_NUM_THREADS"], 30.0).last_line == "1 1"
