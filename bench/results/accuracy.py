"""What a variant brings over its baseline, in points of accuracy, seed by seed. Pure functions on estimates."""

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
    holm_of_known,
    seen_interval,
    t_statistic,
    t_test,
)

AccuracyVerdict: TypeAlias = Literal["better", "worse", "inconclusive"]
POWER = 0.8
"""With which a difference of the size asked for is to be found."""
MOST_SEEDS = 1000
"""More would settle nothing that somebody waits for."""


@dataclass(frozen=True)
class AccuracyGain:
    """One variant against its baseline.

    Args:
        variant: its top-1, with that of each seed in ``figures``.
        points: the mean paired difference in percentage points, with its unadjusted 95 % Student-t interval over seeds.
        probability: P(variant > baseline): of the mean difference over all seeds, given those seen and no prior opinion.
        p: of "there is no difference", two-sided, Holm-adjusted over the family; None where the spread is not known.
        verdict: better or worse where p is below 0.05, else inconclusive.
        family: how many variants were tested together: those whose spread is known.
        seeds: where inconclusive, how many would find a true difference of the size seen, at the spread seen, in 80 %
            of runs; None where more than :data:`MOST_SEEDS` would not, or where the spread is not known.
    """

    variant: Comparison
    points: Estimate
    probability: float | None
    p: float | None
    verdict: AccuracyVerdict
    family: int
    seeds: int | None


def accuracy_gains(comparisons: Sequence[Comparison]) -> list[AccuracyGain]:
    """Every variant's gain in top-1 over its baseline; those of one run are a family.

    Args:
        comparisons: of any measures and runs; what is no top-1 of a variant is passed by.
    """
    runs: dict[str, list[tuple[Comparison, list[float]]]] = {}
    for each in comparisons:
        if each.measure == "accuracy" and each.value == "top1" and each.role == "variant" and each.differences:
            runs.setdefault(each.run, []).append((each, [100 * one for one in each.differences]))
    return [gain for family in runs.values() for gain in _family(family)]


def _family(family: Sequence[tuple[Comparison, Sequence[float]]]) -> list[AccuracyGain]:
    adjusted = holm_of_known([t_test(points) for _, points in family])
    tested = sum(p is not None for p in adjusted)
    found = []
    for (variant, points), p in zip(family, adjusted, strict=True):
        mean, low, high = seen_interval(points)
        estimate = Estimate(mean, low, high, f"mean paired difference over {len(points)} seeds, Student t")
        verdict: AccuracyVerdict = (
            "inconclusive" if p is None or p >= SIGNIFICANCE else "better" if mean > 0 else "worse"
        )
        seeds = _seeds(points, tested) if verdict == "inconclusive" else None
        found.append(AccuracyGain(variant, estimate, _probability(points), p, verdict, tested, seeds))
    return found


def _probability(points: Sequence[float]) -> float | None:
    from scipy.special import stdtr

    t = t_statistic(points)
    return None if t is None else float(stdtr(len(points) - 1, t))


def _seeds(points: Sequence[float], family: int) -> int | None:
    """How many seeds find a difference as seen, at the spread seen."""
    if len(points) < 2 or (spread := deviation(points)) < LEAST_SPREAD:
        return None
    return resolving_seeds(abs(math.fsum(points) / len(points)), spread, family)


def resolving_seeds(points: float, spread: float, family: int) -> int | None:
    """How many seeds find a true difference with a power of 80 %, two-sided at 0.05 among so many tests.

    By the noncentral t distribution (Cohen, *Statistical Power Analysis for the Behavioral Sciences*, 1988, section 2).

    Args:
        points: the difference to be found, at least 0, in percentage points.
        spread: standard deviation of the paired differences over seeds, > 0, in points.
        family: how many variants are tested; the first of Holm's steps has this level.

    Returns:
        The number, at least 2; None where more than :data:`MOST_SEEDS` do not.
    """
    from scipy.stats import nct, t

    def power(seeds: int) -> float:
        limit = float(t.ppf(1 - SIGNIFICANCE / (2 * family), seeds - 1))
        return float(nct.sf(limit, seeds - 1, points / spread * math.sqrt(seeds)))

    candidates = range(2, MOST_SEEDS + 1)
    place = bisect_left(candidates, POWER, key=power)
    return candidates[place] if place < len(candidates) else None


def spread_of(comparisons: Sequence[Comparison]) -> float | None:
    """Standard deviation of paired differences in points, pooled over the variants of earlier runs; None from none."""
    squares, freedom = 0.0, 0
    for each in comparisons:
        if each.measure == "accuracy" and each.value == "top1" and each.role == "variant" and len(each.differences) > 1:
            points = [100 * one for one in each.differences]
            squares += (len(points) - 1) * deviation(points) ** 2
            freedom += len(points) - 1
    return math.sqrt(squares / freedom) if squares > LEAST_SPREAD**2 else None
