"""The accuracy gain of a variant over its baseline, in percentage points, paired by seed."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from bench.results.estimates import Comparison
from bench.results.statistics import (
    LEAST_SPREAD,
    SIGNIFICANCE,
    Estimate,
    deviation,
    deviation_interval,
    holm_of_known,
    interval_of_differences,
    t_statistic,
    t_test,
)

AccuracyVerdict: TypeAlias = Literal["better", "worse", "inconclusive"]
POWER = 0.8
"""Power of the suggested numbers of seeds."""
MOST_SEEDS = 1000
"""Largest number of seeds that is suggested."""
LEAST_SEEDS = 5
"""Fewest seeds whose spread says anything about a number of seeds: from 3 seeds, its interval spans a factor of 12."""


@dataclass(frozen=True)
class AccuracyGain:
    """The gain of one variant over its baseline.

    Args:
        variant: the comparison of its top-1, with the value of each seed in ``per_process``.
        points: the mean paired difference in percentage points, with its unadjusted 95 % Student-t interval over seeds.
        probability: P(variant > baseline) for the mean difference over all seeds, with a flat prior; None if the
            spread is unknown.
        p: two-sided p-value of "no difference", Holm-adjusted over the family; None if the spread is unknown.
        verdict: better or worse if p is below 0.05, otherwise inconclusive.
        family: number of variants tested together: those with a known spread.
        seeds: for an inconclusive gain from :data:`LEAST_SEEDS` seeds on, the number of fresh seeds that detect a
            difference of this size with 80 % power; None if the spread is unknown.
    """

    variant: Comparison
    points: Estimate
    probability: float | None
    p: float | None
    verdict: AccuracyVerdict
    family: int
    seeds: "SeedRange | None"


@dataclass(frozen=True)
class SeedRange:
    """Numbers of seeds for both ends of the 95 % interval of the spread; None for more than :data:`MOST_SEEDS`."""

    low: int | None
    high: int | None


def accuracy_gains(comparisons: Sequence[Comparison]) -> list[AccuracyGain]:
    """The gain in top-1 of every variant; the variants of one run are a family.

    Args:
        comparisons: estimates of any measures and runs; only the top-1 of variants is used.
    """
    runs: dict[str, list[tuple[Comparison, list[float]]]] = {}
    for variant in filter(_is_top1_of_variant, comparisons):
        if variant.differences:
            runs.setdefault(variant.run, []).append((variant, _percentage_points(variant)))
    return [gain for family in runs.values() for gain in _family(family)]


def _is_top1_of_variant(comparison: Comparison) -> bool:
    return (comparison.measure, comparison.value, comparison.role) == ("accuracy", "top1", "variant")


def _percentage_points(variant: Comparison) -> list[float]:
    """The difference of each seed to the baseline, in percentage points."""
    return [100 * difference for difference in variant.differences]


def _family(family: Sequence[tuple[Comparison, Sequence[float]]]) -> list[AccuracyGain]:
    adjusted = holm_of_known([t_test(points) for _, points in family])
    tested = sum(p is not None for p in adjusted)
    gains = []
    for (variant, points), p in zip(family, adjusted, strict=True):
        mean, low, high = interval_of_differences(points)
        estimate = Estimate(mean, low, high, f"mean paired difference over {len(points)} seeds, Student t")
        verdict: AccuracyVerdict = (
            "inconclusive" if p is None or p >= SIGNIFICANCE else "better" if mean > 0 else "worse"
        )
        seeds = _seeds(points, tested) if verdict == "inconclusive" else None
        gains.append(AccuracyGain(variant, estimate, _probability_of_gain(points), p, verdict, tested, seeds))
    return gains


def _probability_of_gain(points: Sequence[float]) -> float | None:
    from scipy.special import stdtr

    t = t_statistic(points)
    return None if t is None else float(stdtr(len(points) - 1, t))


def _seeds(points: Sequence[float], family: int) -> SeedRange | None:
    """The numbers of fresh seeds that detect a difference of this size."""
    if len(points) < LEAST_SEEDS or deviation(points) < LEAST_SPREAD:
        return None
    difference = abs(math.fsum(points) / len(points))
    low, high = deviation_interval(points)
    return SeedRange(resolving_seeds(difference, low, family), resolving_seeds(difference, high, family))


def resolving_seeds(points: float, spread: float, family: int) -> int | None:
    """The number of seeds that detect a true difference with 80 % power, two-sided at 0.05, adjusted for the family.

    By the noncentral t distribution (Cohen, *Statistical Power Analysis for the Behavioral Sciences*, 1988, section 2).

    Args:
        points: the difference to detect, at least 0, in percentage points.
        spread: standard deviation of the paired differences over seeds, above 0, in percentage points.
        family: number of variants tested together; the level is that of Holm's first step.

    Returns:
        The number, at least 2; None if it is more than :data:`MOST_SEEDS`.
    """
    from scipy.stats import nct, t

    def power(seeds: int) -> float:
        limit = float(t.ppf(1 - SIGNIFICANCE / (2 * family), seeds - 1))
        return float(nct.sf(limit, seeds - 1, points / spread * math.sqrt(seeds)))

    candidates = range(2, MOST_SEEDS + 1)
    index = bisect_left(candidates, POWER, key=power)
    return candidates[index] if index < len(candidates) else None


def spread_of(comparisons: Sequence[Comparison]) -> float | None:
    """Standard deviation of paired differences in percentage points, pooled over all variants; None if unknown."""
    squares, freedom = 0.0, 0
    for variant in filter(_is_top1_of_variant, comparisons):
        if len(variant.differences) > 1:
            points = _percentage_points(variant)
            squares += (len(points) - 1) * deviation(points) ** 2
            freedom += len(points) - 1
    return math.sqrt(squares / freedom) if squares > LEAST_SPREAD**2 else None
