"""Health records over a port and into a file; readers that come late, read slowly or go away."""

import json
import socket
import time
from dataclasses import replace

import pytest
from test_dashboard import RECORD

from slam.errors import ConfigError
from slam.running import telemetry
from slam.running.telemetry import LOOPBACK, PortTelemetry, opened_telemetry


@pytest.fixture
def port():
    opened = PortTelemetry(LOOPBACK, 0)
    yield opened
    opened.close()


def connected(port):
    connection = socket.create_connection((LOOPBACK, port.port), timeout=5.0)
    while len(port._readers) == 0:
        time.sleep(0.01)
    return connection


def send(port, indices, padding=""):
    for index in indices:
        port.send(replace(RECORD, index=index, reason=padding))


def lines(connection):
    with connection.makefile() as file:
        return [json.loads(line) for line in file]


def test_a_reader_gets_every_record_from_then_on_and_the_end(port):
    send(port, [0, 1])
    connection = connected(port)
    send(port, range(2, 12))
    port.close()
    found = lines(connection)
    assert [record["index"] for record in found] == list(range(2, 12))
    assert found[0]["status"] == "tracking" and found[0]["keyframes"] == 7


def test_a_reader_that_does_not_read_holds_nobody_up_and_misses_the_oldest(port, monkeypatch):
    monkeypatch.setattr(telemetry, "LAST_S", 0.2)
    connected(port)
    begin = time.perf_counter()
    send(port, range(3000), "x" * 5000)  # more than sockets hold
    assert time.perf_counter() - begin < 3.0


def test_a_reader_that_goes_away_costs_nothing(port):
    connected(port).close()
    send(port, range(50))
    time.sleep(0.1)
    send(port, range(50))
    other = socket.create_connection((LOOPBACK, port.port), timeout=5.0)
    time.sleep(0.2)
    send(port, [99])
    port.close()
    assert [record["index"] for record in lines(other)] == [99]


def test_a_port_is_this_machines_alone_unless_a_host_is_named(port):
    assert port._socket.getsockname()[0] == "127.0.0.1"
    with opened_telemetry("0.0.0.0:0") as everywhere:
        assert everywhere._socket.getsockname()[0] == "0.0.0.0"


def test_a_file_is_appended_to(tmp_path):
    for index in (1, 2):
        with opened_telemetry(str(tmp_path / "health.jsonl")) as file:
            file.send(replace(RECORD, index=index))
    assert [json.loads(line)["index"] for line in (tmp_path / "health.jsonl").open()] == [1, 2]


def test_a_full_file_is_left_alone(tmp_path):
    with opened_telemetry("/dev/full") as file:
        file.send(RECORD)
        file._file = (tmp_path / "room").open("w")  # even where there is room again: a record is missing before it
        file.send(RECORD)
    assert (tmp_path / "room").read_text() == ""


def test_a_port_in_use_and_a_folder_that_is_not_there_are_one_clear_sentence(port, tmp_path):
    with pytest.raises(ConfigError, match="cannot be listened on"), opened_telemetry(str(port.port)):
        pass
    with pytest.raises(ConfigError, match="cannot be listened on"), opened_telemetry("99999"):
        pass
    with pytest.raises(ConfigError, match="cannot be written"), opened_telemetry(str(tmp_path / "none" / "x")):
        pass
