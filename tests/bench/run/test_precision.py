"""The expected precision of a group, from one process whose error is known."""

import math
import re

import pytest
from scipy import stats

from bench.results.statistics import LEAST_BETWEEN
from bench.run.precision import expected_precision
from bench.store.record import MeasuredRecord, Value
from tests.factories import record

ROUNDS = 100


def process(spread: float) -> list[MeasuredRecord]:
    """A process whose log ratio alternates between two values with this distance from 0."""
    ratios = tuple(math.exp(spread * (-1) ** number) for number in range(ROUNDS))
    return [
        record(Value("latency", "s", (1.0,) * ROUNDS)),
        record(Value("latency", "s", ratios), role="variant", cell="net/simam"),
    ]


def halfwidth(spread: float, processes: int) -> float:
    # The order statistics of the interval are one low and one high value, so the error is the spread over 1.96.
    variance = (spread / stats.norm.ppf(0.975)) ** 2 + LEAST_BETWEEN**2
    return float(stats.t.ppf(0.975, processes - 1) * math.sqrt(variance / processes))


def test_precise_group_needs_nothing() -> None:
    text = expected_precision(process(0.005), 6, 60.0, 0.01)
    assert text is not None and "set" not in text
    assert f"±{100 * math.expm1(halfwidth(0.005, 6)):.1f} %" in text


def test_budget_that_reaches_the_threshold() -> None:
    text = expected_precision(process(0.04), 6, 60.0, 0.02)
    assert text is not None and "repeats" not in text
    [budget] = map(float, re.findall(r"budget=(\d+)s", text))
    # The error falls with the square root of the time.
    assert halfwidth(0.04 * math.sqrt(60 / budget), 6) == pytest.approx(math.log1p(0.02), rel=0.01)


def test_more_processes_if_they_differ_too_much() -> None:
    text = expected_precision(process(0.04), 6, 60.0, 0.005)
    assert text is not None
    [(repeats, budget)] = re.findall(r"repeats=(\d+) and measures.latency.budget=(\d+)s", text)
    assert halfwidth(0.04, int(repeats)) <= math.log1p(0.005) < halfwidth(0.04, int(repeats) - 1)
    assert int(budget) == 10 * int(repeats)


def test_one_noisy_member_does_not_decide() -> None:
    members = process(0.005)
    quiet, noisy = (
        record(members[1].values[0], role="variant", cell="net/se"),
        record(process(0.5)[1].values[0], role="variant", cell="net/cbam"),
    )
    text = expected_precision([*members, quiet, noisy], 6, 60.0, 0.01)
    assert text is not None and f"±{100 * math.expm1(halfwidth(0.005, 6)):.1f} %" in text


def test_process_without_a_ratio() -> None:
    assert expected_precision([record(Value("latency", "s", (1.0, 1.0)))], 6, 60.0, 0.01) is None
