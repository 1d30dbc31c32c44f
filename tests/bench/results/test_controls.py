"""A/A controls whose intervals are known."""

import math
from dataclasses import replace

import pytest

from bench.results.controls import control_failure, passes, without_passing_control
from bench.results.gated import GatedPair
from bench.results.shifts import two_sides
from bench.results.statistics import Estimate
from tests.bench.comparisons import control, latency


@pytest.mark.parametrize(
    ("low", "high", "passed"),
    [(0.995, 1.005, True), (1 / 1.0099, 1.0099, True), (0.99, 1.005, False), (0.995, 1.01, False), (1.02, 1.03, False)],
)
def test_passes_with_whole_interval_inside(low: float, high: float, passed: bool) -> None:
    assert passes(Estimate(1.0, low, high, "t"), 0.01) == passed


def test_missing_control_or_interval_does_not_pass() -> None:
    assert not passes(None, 0.01)
    assert not passes(Estimate(1.0, None, None, "t"), 0.01)


def test_variants_without_passing_control() -> None:
    good, biased, alone = (latency("se", (0.04, 0.05, 0.045), group=group) for group in ("good", "biased", "alone"))
    controls = [control(group="good"), control((0.03, 0.05, 0.04), group="biased")]
    wall = replace(alone, value="wall")
    members = [*controls, good, biased, alone, wall]
    assert list(without_passing_control(members, lambda member: 0.01)) == [biased, alone]
    assert list(without_passing_control(members, lambda member: 0.1)) == [alone]


@pytest.mark.parametrize(("bias", "failed"), [(0.0, None), (0.009, None), (0.02, "new"), (-0.02, "new")])
def test_comparison_rejects_by_the_estimate(bias: float, failed: str | None) -> None:
    old, new = (0.03, -0.03, 0.0), (bias + 0.03, bias - 0.03, bias)  # wide, but centred
    pair = GatedPair("latency_ratio", control(old), control(new), 0.01, 1.0)
    shift = two_sides(old, new, 0.01, "g")
    failure = control_failure(pair, shift, shift.variance, shift.freedom, ("old", "new"))
    assert (failure is not None) == (failed is not None)
    if failure is not None:
        assert failed in failure.reason.split() and failure.control is not None
        assert failure.control.point == pytest.approx(math.exp(bias))
        assert failure.repeats is not None  # the interval includes no bias, so more processes would decide


def test_bias_beyond_chance_needs_no_more_processes() -> None:
    old, new = (0.0, 0.0001, -0.0001), (0.05, 0.0501, 0.0499)
    pair = GatedPair("latency_ratio", control(old), control(new), 0.01, 1.0)
    shift = two_sides(old, new, 0.01, "g")
    failure = control_failure(pair, shift, shift.variance, shift.freedom, ("old", "new"))
    assert failure is not None and failure.repeats is None
