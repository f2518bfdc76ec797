"""What a machine has, and what is told where it lacks something."""

import ctypes.util
import importlib.util
import os

import pytest

from slam.doctor import installed
from slam.doctor.finding import Verdict
from slam.doctor.installed import installed_findings


def found(subject):
    return next(finding for finding in installed_findings() if finding.subject == subject)


def test_this_machine_is_described():
    findings = {finding.subject: finding for finding in installed_findings()}
    assert "cores" in findings["processor"].measured
    assert "torch 2." in findings["packages"].measured
    assert all(finding.advice for finding in findings.values() if finding.verdict is Verdict.PROBLEM)


@pytest.mark.parametrize(("value", "verdict"), [("1", Verdict.OK), ("8", Verdict.HINT)])
def test_math_threads_are_compared_with_one(monkeypatch, value, verdict):
    for name in installed.MATH_THREADS:
        monkeypatch.setenv(name, value)
    assert found("math threads").verdict is verdict


def test_missing_libraries_are_named_with_their_debian_packages(monkeypatch):
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None if name in ("GL", "usb-1.0") else name)
    finding = found("libraries")
    assert finding.verdict is Verdict.PROBLEM
    assert finding.advice == "sudo apt-get install libgl1 libusb-1.0-0"


def test_extras_that_are_missing_say_how_to_get_them(monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pyrealsense2" else real(name))
    assert "pip install 'earlybird-slam[realsense]'" in found("extras").measured
    assert "no RealSense rules are needed" in found("udev rules").measured


@pytest.mark.parametrize(("value", "words"), [("", "none"), (":0", "there is one")])
def test_the_display_is_looked_up(monkeypatch, value, words):
    monkeypatch.setenv("DISPLAY", value)
    monkeypatch.setenv("WAYLAND_DISPLAY", "")
    assert found("display").measured.startswith(words)


def test_cameras_that_may_not_be_opened_are_a_problem(monkeypatch, tmp_path):
    assert installed._cameras(tmp_path).verdict is Verdict.UNKNOWN
    (tmp_path / "video0").touch()
    assert installed._cameras(tmp_path).verdict is Verdict.OK
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    finding = installed._cameras(tmp_path)
    assert finding.verdict is Verdict.PROBLEM
    assert "usermod -aG video" in finding.advice


def test_rules_for_realsense_cameras_are_looked_for(monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert installed._rules((tmp_path,)).verdict is Verdict.HINT
    (tmp_path / "99-realsense-libusb.rules").touch()
    assert installed._rules((tmp_path,)).verdict is Verdict.OK


def test_one_core_is_a_hint(monkeypatch):
    monkeypatch.setattr(installed, "hardware", lambda: {"cpu": "small", "cores": 1})
    assert found("processor").verdict is Verdict.HINT
