"""Earlybird SLAM: real-time visual SLAM with an early-exit matcher. Start reading in slam/pipeline.py."""

__version__ = "0.1.0"
