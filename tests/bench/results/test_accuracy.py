"""Paired differences against scipy's tests, and against counts of simulated runs."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from bench.results.accuracy import SeedRange, accuracy_gains, resolving_seeds, spread_of
from bench.results.estimates import Comparison
from bench.results.statistics import Estimate

ONE = Estimate(0.9, 0.9, 0.9, "exact")
BLANK = Comparison(
    "run", "accuracy", "g", "c", "variant", {}, "top1", "1", ONE, None, ONE, 3, (), (), (), (), 0.0, None, {}
)


def variant(points: Sequence[float], cell: str = "c", **other: object) -> Comparison:
    differences = tuple(point / 100 for point in points)
    return replace(BLANK, cell=cell, repeats=len(points), differences=differences, **other)  # type: ignore[arg-type]


def test_gain_of_one_variant_is_a_paired_t_test() -> None:
    points = (0.4, 0.1, 0.35, 0.2)
    [gain] = accuracy_gains([variant(points)])
    test = stats.ttest_1samp(points, 0.0)
    low, high = test.confidence_interval(0.95)
    assert gain.points.point == pytest.approx(np.mean(points))
    assert (gain.points.low, gain.points.high) == (pytest.approx(low), pytest.approx(high))
    assert gain.p == pytest.approx(test.pvalue) and gain.p < 0.05 and gain.verdict == "better"
    assert gain.probability == pytest.approx(stats.t.cdf(test.statistic, 3))


def test_holm_over_the_variants_of_a_run() -> None:
    sets = [(0.4, 0.1, 0.35, 0.2), (-0.5, -0.4, -0.45, -0.6), (0.1, -0.2, 0.0, 0.3)]
    gains = accuracy_gains([variant(points, str(index)) for index, points in enumerate(sets)])
    raw = [stats.ttest_1samp(points, 0.0).pvalue for points in sets]
    low, middle, high = sorted(raw)
    wanted = {low: 3 * low, middle: max(3 * low, 2 * middle), high: max(3 * low, 2 * middle, high)}
    assert [gain.p for gain in gains] == pytest.approx([wanted[p] for p in raw])
    assert [gain.verdict for gain in gains] == ["inconclusive", "worse", "inconclusive"]


def test_runs_are_separate_families() -> None:
    points = (0.4, 0.1, 0.35, 0.2)
    together = accuracy_gains([variant(points, "a"), variant(points, "b")])
    apart = accuracy_gains([variant(points, "a"), variant(points, "b", run="other")])
    assert together[0].p == pytest.approx(2 * (apart[0].p or 0))


def test_suggested_seeds_span_the_interval_of_the_spread() -> None:
    points = (0.3, -0.1, 0.2, 0.0, 0.15)
    [gain] = accuracy_gains([variant(points)])
    assert gain.verdict == "inconclusive" and gain.seeds is not None
    variance = np.var(points, ddof=1)
    low, high = (math.sqrt(4 * variance / stats.chi2.ppf(tail, 4)) for tail in (0.975, 0.025))
    mean = float(np.mean(points))
    assert gain.seeds == SeedRange(resolving_seeds(mean, low, 1), resolving_seeds(mean, high, 1))
    first, *_ = accuracy_gains([variant(points, str(cell)) for cell in range(10)])
    assert first.seeds is not None and (first.seeds.low or 0) > (gain.seeds.low or 0)


def test_few_seeds_suggest_no_number() -> None:
    [gain] = accuracy_gains([variant((0.3, -0.1, 0.2, 0.0))])
    assert gain.verdict == "inconclusive" and gain.seeds is None


def test_unknown_spread() -> None:
    equal, none, single = accuracy_gains(
        [variant((0.2, 0.2, 0.2), "a"), variant((0.0, 0.0), "b"), variant((0.5,), "c")]
    )
    assert (equal.verdict, equal.p, equal.probability, equal.seeds) == ("inconclusive", None, None, None)
    assert (none.verdict, none.p, none.probability) == ("inconclusive", 1.0, 0.5)
    assert (single.verdict, single.p, single.points.low) == ("inconclusive", None, None)
    assert equal.points.point == pytest.approx(0.2) and equal.points.low is None  # no interval of no width


def test_untestable_variants_are_not_in_the_family() -> None:
    points = (0.4, 0.1, 0.35, 0.2)
    tested, *others = accuracy_gains([variant(points, "a"), variant((0.5,), "b"), variant((0.2, 0.2), "c")])
    assert tested.p == pytest.approx(stats.ttest_1samp(points, 0.0).pvalue) and tested.family == 1
    assert [gain.p for gain in others] == [None, None]


def test_other_values_and_baselines_are_ignored() -> None:
    others = [
        replace(BLANK, role="baseline"),
        variant((0.1, 0.2), value="top5"),
        variant((0.1, 0.2), measure="mine"),
    ]
    assert accuracy_gains(others) == []


@pytest.mark.parametrize(("points", "spread", "family"), [(0.3, 0.25, 1), (0.5, 0.3, 4), (0.2, 0.4, 8)])
def test_resolving_seeds_have_80_percent_power(points: float, spread: float, family: int) -> None:
    seeds = resolving_seeds(points, spread, family)
    assert seeds is not None
    draws = np.random.default_rng(0).normal(points, spread, (20_000, seeds))
    power = np.mean(stats.ttest_1samp(draws, 0.0, axis=1).pvalue < 0.05 / family)
    power_before = np.mean(stats.ttest_1samp(draws[:, :-1], 0.0, axis=1).pvalue < 0.05 / family)
    assert power_before - 0.01 < 0.8 < power + 0.01  # the share of 20,000 runs is known to within 0.01


def test_small_difference_needs_too_many_seeds() -> None:
    assert resolving_seeds(0.001, 1.0, 1) is None


def test_spread_is_pooled_over_variants() -> None:
    sets = [(0.4, 0.1, 0.35), (-0.5, -0.4)]
    pooled = (2 * np.var(sets[0], ddof=1) + np.var(sets[1], ddof=1)) / 3
    assert spread_of([variant(points, str(index)) for index, points in enumerate(sets)]) == pytest.approx(pooled**0.5)
    assert spread_of([variant((0.1,))]) is None
