"""Verdicts on times whose intervals and controls are known."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.stats

from bench.results.rounds import Disturbance
from bench.results.statistics import Estimate
from bench.results.time_verdicts import TimeVerdict, direction, time_verdicts
from tests.bench.comparisons import control, latency

NARROW = control()
"""A control with an interval within ±1 %."""


def ratio(low: float, high: float) -> Estimate:
    return Estimate(math.sqrt(low * high), low, high, "t")


def verdict_on(member: Any, *controls: Any, threshold: float = 0.01) -> TimeVerdict:
    [time] = time_verdicts([*controls, member], lambda _: threshold)
    return time


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (1.011, 1.02, "slower"),
        (1.009, 1.02, "inconclusive"),
        (0.98, 0.989, "faster"),
        (0.98, 0.992, "inconclusive"),
        (0.9902, 1.0099, "no difference"),  # 1/1.01 is 0.9901
        (0.99, 1.005, "inconclusive"),
        (0.9, 1.2, "inconclusive"),
    ],
)
def test_interval_against_the_resolution(low: float, high: float, verdict: str) -> None:
    time = verdict_on(latency("se", (0.0, 0.001), ratio=ratio(low, high)), NARROW)
    assert (time.verdict, time.cause) == (verdict, None)
    assert time.resolution_percent == pytest.approx(1.0)


def test_large_change_is_slower_despite_a_wide_control() -> None:
    """CBAM in the default run: ×1.648 [1.615, 1.680] beside a control of [−1.34, 1.17] %."""
    wide = control(ratio=Estimate(0.999, 0.9866, 1.0117, "t"))
    time = verdict_on(latency("cbam", (0.49, 0.51), ratio=ratio(1.615, 1.680)), wide)
    assert time.verdict == "slower"
    assert time.resolution_percent == pytest.approx(100 * (1 / 0.9866 - 1))


def test_small_change_is_inconclusive_beside_a_wide_control() -> None:
    wide = control(ratio=Estimate(1.0, 0.98, 1.02, "t"))
    member = latency("se", (0.02, 0.021), ratio=ratio(1.015, 1.025))
    assert verdict_on(member, wide).verdict == "inconclusive"
    assert verdict_on(member, NARROW).verdict == "slower"


def test_biased_machine_makes_the_group_inconclusive() -> None:
    biased = control(ratio=Estimate(1.02, 1.015, 1.025, "t"))
    time = verdict_on(latency("cbam", (0.5, 0.51)), biased)
    assert (time.verdict, time.cause, time.margin) == ("inconclusive", "the machine is biased", math.inf)
    assert verdict_on(latency("cbam", (0.5, 0.501)), biased, threshold=0.03).verdict == "slower"


def test_busy_machine_makes_the_group_inconclusive() -> None:
    busy = Disturbance(rounds=100, disturbed=90, left_out=0, busy=True)
    time = verdict_on(latency("cbam", (0.5, 0.51), disturbance=busy), NARROW)
    assert (time.verdict, time.cause) == ("inconclusive", "the machine was busy")


def test_missing_control_makes_the_group_inconclusive() -> None:
    member = latency("se", (0.04, 0.041))
    for controls in ([], [control(group="another")], [control((0.0,))]):
        time = verdict_on(member, *controls)
        assert (time.verdict, time.resolution, time.cause) == ("inconclusive", None, "no A/A control")
        assert time.resolution_percent == time.margin == math.inf


def test_one_process_is_too_few() -> None:
    assert verdict_on(latency("se", (0.04,)), NARROW).cause == "too few processes"


@pytest.mark.parametrize(
    ("logs", "verdict"),
    [
        ((0.30, 0.31, 0.30, 0.60, 0.61, 0.60), "slower"),  # all of them
        ((0.00, 0.001, 0.0, 0.06, 0.061, 0.06), "inconclusive"),
        ((-0.05, 0.0, 0.0, 0.0, 0.0, 0.0), "inconclusive"),
    ],
)
def test_disagreeing_processes(logs: tuple[float, ...], verdict: str) -> None:
    time = verdict_on(latency("se", logs, process_errors=(0.001,) * 6), NARROW)
    assert (time.verdict, time.cause) == (verdict, "processes disagree")
    assert time.process_range is not None
    # The range includes Student's interval; processes with equal errors have equal weights.
    half = scipy.stats.t.ppf(0.975, 5) * np.std(logs, ddof=1) / 6**0.5
    low, high = min(*logs, np.mean(logs) - half), max(*logs, np.mean(logs) + half)
    assert (time.process_range.low, time.process_range.high) == pytest.approx((math.exp(low), math.exp(high)))


def test_disagreement_is_never_no_difference() -> None:
    logs = (0.02, -0.02, 0.02, -0.02, 0.02, -0.02)
    regimes = latency("se", logs, process_errors=(0.001,) * 6)
    assert verdict_on(regimes, NARROW, threshold=0.05).verdict == "inconclusive"
    imprecise = verdict_on(latency("se", logs, process_errors=(0.02,) * 6), NARROW, threshold=0.05)
    assert (imprecise.verdict, imprecise.cause, imprecise.process_range) == ("no difference", None, None)


def test_builds_may_differ_by_half_a_percent() -> None:
    """Without the floor, precise processes would disagree because of their memory layout alone."""
    logs = (0.005, -0.005, 0.005, -0.005, 0.005, -0.005)
    assert verdict_on(latency("se", logs, process_errors=(0.0001,) * 6), NARROW).cause is None


def test_only_compared_times_of_variants() -> None:
    wall = replace(latency("se", (0.04, 0.05)), value="wall")
    unpaired = latency("se", (), ratio=None)
    assert time_verdicts([NARROW, wall, unpaired, latency("none", ())], lambda _: 0.01) == []


def test_each_comparison_has_its_own_threshold() -> None:
    members = [latency("se", (0.02, 0.0201)), latency("cbam", (0.02, 0.0201))]
    times = time_verdicts([NARROW, *members], lambda member: 0.01 if member is members[0] else 0.05)
    assert [time.verdict for time in times] == ["slower", "no difference"]


def test_direction_is_symmetric() -> None:
    opposite = {"slower": "faster", "faster": "slower"}
    for low, high in ((0.02, 0.03), (0.005, 0.03), (-0.004, 0.009), (-0.03, 0.03)):
        verdict = direction(low, high, 0.01)
        assert direction(-high, -low, 0.01) == opposite.get(verdict, verdict)
