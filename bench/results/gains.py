"""What a variant brings over its baseline, in points of accuracy, seed by seed. Pure functions on estimates."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from bench.results.estimates import Comparison
from bench.results.statistics import Estimate, deviation, holm, student_interval

Told: TypeAlias = Literal["better", "worse", "inconclusive"]
SIGNIFICANCE = 0.05
"""What a Holm-adjusted p must stay below for a difference to be called one."""
POWER = 0.8
"""With which a difference of the size asked for is to be found."""
MOST_SEEDS = 1000
"""More would settle nothing that somebody waits for."""
LEAST_STEP = 1e-7
"""Points; what differs by less is the same number of images."""


@dataclass(frozen=True)
class Gain:
    """One variant against its baseline.

    Args:
        variant: its top-1, with that of each seed in ``figures``.
        points: the mean paired difference in percentage points, with its unadjusted 95 % Student-t interval over seeds.
        chance: P(variant > baseline): of the mean difference over all seeds, given those seen and no prior opinion.
        p: of "there is no difference", two-sided, Holm-adjusted over the family; None where the spread is not known.
        told: better or worse where p is below 0.05, else inconclusive.
        family: how many variants were tested together.
        seeds: where inconclusive, how many would settle a difference as seen at the spread seen; None where more than
            :data:`MOST_SEEDS` would not, or where the spread is not known.
    """

    variant: Comparison
    points: Estimate
    chance: float | None
    p: float | None
    told: Told
    family: int
    seeds: int | None


def gains(comparisons: Sequence[Comparison]) -> list[Gain]:
    """Every variant's gain in top-1 over its baseline; those of one run are a family.

    Args:
        comparisons: of any measures and runs; what is no top-1 of a variant is passed by.
    """
    runs: dict[str, list[tuple[Comparison, list[float]]]] = {}
    for each in comparisons:
        if each.measure == "accuracy" and each.value == "top1" and each.role == "variant" and each.differences:
            runs.setdefault(each.run, []).append((each, [100 * one for one in each.differences]))
    return [gain for family in runs.values() for gain in _family(family)]


def _family(family: Sequence[tuple[Comparison, Sequence[float]]]) -> list[Gain]:
    tested = [(place, _two_sided(points)) for place, (_, points) in enumerate(family)]
    known = [(place, p) for place, p in tested if p is not None]
    adjusted = dict(zip((place for place, _ in known), holm([p for _, p in known]), strict=True))
    found = []
    for place, (variant, points) in enumerate(family):
        mean, low, high = student_interval(points)
        estimate = Estimate(mean, low, high, f"mean paired difference over {len(points)} seeds, Student t")
        p = adjusted.get(place)
        told: Told = "inconclusive" if p is None or p >= SIGNIFICANCE else "better" if mean > 0 else "worse"
        seeds = settling_seeds(points, len(family)) if told == "inconclusive" else None
        found.append(Gain(variant, estimate, _chance(points), p, told, len(family), seeds))
    return found


def _t(points: Sequence[float]) -> float | None:
    """Mean over its standard error; 0 where all are 0; None where the spread is not known.

    That is so from a single seed, and where all differ from the baseline by the same: accuracy comes in steps of one
    image, so the same step a few times is chance, and no proof that there is no spread.
    """
    mean = math.fsum(points) / len(points)
    if len(points) < 2:
        return None
    spread = deviation(points)
    if spread < LEAST_STEP:
        return 0.0 if abs(mean) < LEAST_STEP else None
    return mean / (spread / math.sqrt(len(points)))


def _two_sided(points: Sequence[float]) -> float | None:
    from scipy.special import stdtr

    t = _t(points)
    return None if t is None else min(1.0, 2 * float(stdtr(len(points) - 1, -abs(t))))


def _chance(points: Sequence[float]) -> float | None:
    from scipy.special import stdtr

    t = _t(points)
    return None if t is None else float(stdtr(len(points) - 1, t))


def settling_seeds(points: Sequence[float], family: int) -> int | None:
    """How many seeds would make a mean difference as seen, at the spread seen, significant among so many tests."""
    from scipy.special import stdtrit

    if len(points) < 2 or (spread := deviation(points)) < LEAST_STEP:
        return None
    mean = abs(math.fsum(points) / len(points))
    for seeds in range(len(points) + 1, MOST_SEEDS + 1):
        if mean * math.sqrt(seeds) / spread > float(stdtrit(seeds - 1, 1 - SIGNIFICANCE / (2 * family))):
            return seeds
    return None


def resolving_seeds(points: float, spread: float, family: int) -> int | None:
    """How many seeds find a true difference with a power of 80 %, two-sided at 0.05 among so many tests.

    By the noncentral t distribution (Cohen, *Statistical Power Analysis for the Behavioral Sciences*, 1988, section 2).

    Args:
        points: the difference to be found, > 0, in percentage points.
        spread: standard deviation of the paired differences over seeds, > 0, in points.
        family: how many variants are tested; the first of Holm's steps has this level.

    Returns:
        The number, at least 2; None where more than :data:`MOST_SEEDS` do not.
    """
    from scipy.stats import nct, t

    for seeds in range(2, MOST_SEEDS + 1):
        limit = float(t.ppf(1 - SIGNIFICANCE / (2 * family), seeds - 1))
        if float(nct.sf(limit, seeds - 1, points / spread * math.sqrt(seeds))) >= POWER:
            return seeds
    return None


def spread_of(comparisons: Sequence[Comparison]) -> float | None:
    """Standard deviation of paired differences in points, pooled over the variants of earlier runs; None from none."""
    squares, freedom = 0.0, 0
    for each in comparisons:
        if each.measure == "accuracy" and each.value == "top1" and each.role == "variant" and len(each.differences) > 1:
            points = [100 * one for one in each.differences]
            squares += (len(points) - 1) * deviation(points) ** 2
            freedom += len(points) - 1
    return math.sqrt(squares / freedom) if squares > LEAST_STEP**2 else None
