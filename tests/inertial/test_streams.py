"""Two streams of different rates become one: exact where motion is simple, nothing twice, nothing guessed."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from flights import NOISE, T_BODY_CAM, flight, handheld

from slam.config import InertialConfig
from slam.geometry import rotation_angle_rad
from slam.inertial.initialization import InertialStart, inertial_start
from slam.inertial.integration import NO_BIAS, preintegrate
from slam.inertial.samples import SampleBuffer, cut
from slam.inertial.streams import ImuStreams
from slam.types import ImuSamples, joined_samples

EPOCH_NS = 1_700_000_000_000_000_000
RATES = [(400.0, 63.0), (200.0, 63.0), (200.0, 100.0), (400.0, 250.0), (200.0, 250.0)]
FRAME_NS = 33_333_333


def stamps(rate_hz, seconds, offset_s=0.0):
    return EPOCH_NS + np.round(1e9 * (offset_s + np.arange(int(seconds * rate_hz)) / rate_hz)).astype(np.int64)


def line(stamps_ns):
    """An acceleration that grows with time, and a turning rate that does too."""
    return np.array([0.1, 9.8, -0.2]) + np.outer((stamps_ns - EPOCH_NS) * 1e-9, [1.0, -2.0, 3.0])


def arrivals(gyro_hz, accel_hz, seconds=1.0, lag_s=0.0017):
    """(stamp, kind, value) in order of time; the accelerometer begins first and ends last."""
    gyro, accel = stamps(gyro_hz, seconds, 0.02 + lag_s), stamps(accel_hz, seconds + 0.1)
    both = [(s, "gyro", v) for s, v in zip(gyro.tolist(), line(gyro))]
    both += [(s, "accel", v) for s, v in zip(accel.tolist(), line(accel))]
    return sorted(both, key=lambda arrival: arrival[:2])


def feed(streams, some):
    for stamp_ns, kind, value in some:
        (streams.add_gyro if kind == "gyro" else streams.add_accel)(stamp_ns, value)
    return streams


def same(a, b):
    np.testing.assert_array_equal(a.stamps_ns, b.stamps_ns)
    np.testing.assert_array_equal(a.gyro_rad_s, b.gyro_rad_s)
    np.testing.assert_allclose(a.accel_m_s2, b.accel_m_s2, atol=1e-12)


@pytest.mark.parametrize("rates", RATES)
def test_an_acceleration_that_grows_evenly_is_reproduced_at_the_gyros_stamps(rates):
    some = arrivals(*rates)
    taken = feed(ImuStreams(*rates), some).take_until(some[-1][0])
    assert taken.stamps_ns.tolist() == [s for s, kind, _ in some if kind == "gyro"]
    np.testing.assert_allclose(taken.accel_m_s2, line(taken.stamps_ns), atol=1e-9)
    np.testing.assert_array_equal(taken.gyro_rad_s, line(taken.stamps_ns))


@pytest.mark.parametrize("rates", RATES)
def test_nothing_is_given_twice_and_nothing_is_lost(rates):
    some, streams, parts, asked = arrivals(*rates), ImuStreams(*rates), [], EPOCH_NS
    for arrival in some:
        feed(streams, [arrival])
        if arrival[0] - asked > FRAME_NS:
            asked += FRAME_NS
            parts.append(streams.take_until(asked))
            assert (parts[-1].stamps_ns <= asked).all()
    parts.append(streams.take_until(some[-1][0]))
    same(joined_samples(parts), feed(ImuStreams(*rates), some).take_until(some[-1][0]))
    assert not streams.set_aside and streams.gaps == 0
    assert len(streams.take_until(some[-1][0]).stamps_ns) == 0


def test_the_order_of_arrival_does_not_matter():
    some, rng = arrivals(200.0, 63.0), np.random.default_rng(4)
    expected = feed(ImuStreams(200.0, 63.0), some).take_until(some[-1][0])
    shuffled = [some[i] for i in rng.permutation(len(some))]
    same(feed(ImuStreams(200.0, 63.0), shuffled).take_until(some[-1][0]), expected)
    late_ns = 20_000_000
    swapped = sorted(some, key=lambda arrival: arrival[0] + rng.uniform(0, late_ns))
    streams, parts = ImuStreams(200.0, 63.0), []
    for arrival in swapped:
        parts.append(feed(streams, [arrival]).take_until(arrival[0] - late_ns))
    same(joined_samples([*parts, streams.take_until(some[-1][0])]), expected)
    assert not streams.set_aside


@pytest.mark.parametrize("accel_hz, bound_m", [(63.0, 5e-3), (100.0, 2e-3), (250.0, 2e-3)])
def test_merged_streams_integrate_to_the_motion_of_ideal_samples(accel_hz, bound_m):
    times_s, accel_s = np.arange(0.0, 1.5, 1 / 200), np.arange(-0.0031, 1.52, 1 / accel_hz)
    _, gyro, accel, _, _ = handheld(times_s, seed=1)
    sparse = handheld(accel_s, seed=1)[2]
    ideal = ImuSamples(EPOCH_NS + np.round(times_s * 1e9).astype(np.int64), gyro, accel)
    streams = ImuStreams(200.0, accel_hz)
    for stamp_ns, rate in zip(ideal.stamps_ns.tolist(), gyro):
        streams.add_gyro(stamp_ns, rate)
    for second, force in zip(accel_s, sparse):
        streams.add_accel(EPOCH_NS + round(second * 1e9), force)
    merged = preintegrate(streams.take_until(EPOCH_NS + 2 * 10**9), NO_BIAS, NOISE)
    known = preintegrate(ideal, NO_BIAS, NOISE)
    assert merged.seconds == known.seconds
    assert rotation_angle_rad(merged.R_a_b.T @ known.R_a_b) < 1e-9
    np.testing.assert_allclose(merged.position_a, known.position_a, atol=bound_m)
    np.testing.assert_allclose(merged.velocity_a, known.velocity_a, atol=bound_m)  # m/s


def test_a_flight_through_two_streams_starts_as_the_flight_does():
    flown = flight(noise=0.0)
    streams, samples = ImuStreams(NOISE.rate_hz, 100.0), flown.samples
    for i, stamp_ns in enumerate(samples.stamps_ns.tolist()):
        streams.add_gyro(stamp_ns, samples.gyro_rad_s[i])
        if i % 2 == 0:
            streams.add_accel(stamp_ns, samples.accel_m_s2[i])
    merged = streams.take_until(int(samples.stamps_ns[-1]))
    ends = [round(s * 1e9) for s in np.cumsum([0.0, *(step.seconds for step in flown.chain.steps)])]
    parts = [cut(merged, a, b, max_gap_ns=10**8) for a, b in pairwise(ends)]
    steps = tuple(preintegrate(part, NO_BIAS, NOISE.times(4.0)) for part in parts)
    found = inertial_start(replace(flown.chain, steps=steps), T_BODY_CAM, InertialConfig(), with_scale=True)
    assert isinstance(found, InertialStart) and abs(found.scale / flown.scale - 1) < 0.01


def test_what_cannot_be_used_is_counted():
    some, streams = arrivals(200.0, 100.0), ImuStreams(200.0, 100.0)
    feed(streams, some[:80])
    feed(streams, some[40:42])  # again, while they wait
    streams.add_gyro(some[90][0], np.array([0.0, np.nan, 0.0]))
    streams.add_accel(some[90][0], np.array([np.inf, 0.0, 0.0]))
    given = streams.take_until(some[60][0])
    feed(streams, some[20:22])  # again, after they were given
    assert streams.set_aside == {"repeated": 2, "not finite": 2, "late": 2}
    assert len(given.stamps_ns) and np.isfinite(given.accel_m_s2).all()


def test_gyro_samples_before_the_first_acceleration_are_not_guessed():
    streams = ImuStreams(200.0, 100.0)
    for ms in range(0, 100, 5):
        streams.add_gyro(ms * 10**6, np.zeros(3))
    for ms in range(50, 110, 10):
        streams.add_accel(ms * 10**6, np.zeros(3))
    assert streams.take_until(10**9).stamps_ns[0] == 50 * 10**6
    assert streams.set_aside == {"uncovered": 10}


@pytest.mark.parametrize("silent", ["accel", "gyro"])
def test_a_silent_sensor_gives_nothing_and_keeps_memory_bounded(silent):
    streams = ImuStreams(200.0, 100.0, keep_s=1.0)
    for arrival in arrivals(200.0, 100.0, seconds=20.0):
        if arrival[1] != silent:
            feed(streams, [arrival])
            assert len(streams.take_until(arrival[0]).stamps_ns) == 0
        assert len(streams) <= 200
    assert streams.set_aside["waited too long"] > 1000


@pytest.mark.parametrize("gyro_hz, accel_hz", RATES)
@pytest.mark.parametrize("silent", ["accel", "gyro"])
def test_a_hole_is_flagged_and_the_buffer_finds_it(gyro_hz, accel_hz, silent):
    streams, buffer = ImuStreams(gyro_hz, accel_hz), SampleBuffer(gyro_hz, keep_s=10.0)
    some = arrivals(gyro_hz, accel_hz, seconds=1.5)
    hole = (EPOCH_NS + 5 * 10**8, EPOCH_NS + 8 * 10**8)
    for arrival in some:
        if arrival[1] != silent or not hole[0] <= arrival[0] < hole[1]:
            feed(streams, [arrival])
            buffer.add(streams.take_until(arrival[0]))
    assert streams.gaps == 1
    assert buffer.between(EPOCH_NS + 10**8, EPOCH_NS + 4 * 10**8) is not None
    assert buffer.between(EPOCH_NS + 4 * 10**8, EPOCH_NS + 9 * 10**8) is None
    assert buffer.between(EPOCH_NS + 9 * 10**8, EPOCH_NS + 14 * 10**8) is not None
