import threading
import time

import pytest

from slam.errors import SourceError
from slam.running.mailbox import Closed, Mailbox


def test_the_newest_item_wins_and_the_replaced_are_counted():
    mailbox = Mailbox()
    for item in range(5):
        mailbox.put(item)
    assert mailbox.take(1.0) == (4, 4)


def test_whether_something_waits_can_be_seen_without_taking_it():
    mailbox = Mailbox()
    assert mailbox.is_empty
    mailbox.put("a")
    assert not mailbox.is_empty and mailbox.take(1.0) == ("a", 0) and mailbox.is_empty


def test_the_count_starts_again_after_every_take():
    mailbox = Mailbox()
    mailbox.put("a")
    mailbox.put("b")
    mailbox.take(1.0)
    mailbox.put("c")
    assert mailbox.take(1.0) == ("c", 0)


def test_the_reader_waits_for_an_item():
    mailbox = Mailbox()
    threading.Timer(0.1, mailbox.put, ["late"]).start()
    assert mailbox.take(5.0) == ("late", 0)


def test_silence_is_a_source_error_in_time():
    start = time.perf_counter()
    with pytest.raises(SourceError, match="no frame for 0 s"):
        Mailbox().take(0.2)
    assert 0.2 <= time.perf_counter() - start < 1.0  # s


def test_an_unread_item_can_be_taken_after_the_end_and_then_nothing():
    mailbox = Mailbox()
    mailbox.put("last")
    mailbox.close()
    assert mailbox.take(1.0) == ("last", 0)
    with pytest.raises(Closed):
        mailbox.take(1.0)


def test_the_producers_exception_is_raised_in_the_reader():
    mailbox = Mailbox()
    mailbox.close(SourceError("cam0: unplugged"))
    with pytest.raises(SourceError, match="unplugged"):
        mailbox.take(1.0)


def test_the_end_wakes_a_waiting_reader():
    mailbox = Mailbox()
    threading.Timer(0.1, mailbox.close).start()
    start = time.perf_counter()
    with pytest.raises(Closed):
        mailbox.take(10.0)
    assert time.perf_counter() - start < 5.0  # s
