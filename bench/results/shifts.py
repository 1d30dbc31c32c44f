"""Changes of times and their uncertainty → decisions. Changes are on the logarithmic scale."""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bench.results.statistics import (
    LEVEL,
    SIGNIFICANCE,
    ProcessEstimate,
    between_correlation,
    holm,
    moderate,
    weighted_mean,
)
from bench.results.verdicts import Kind

POWER = 0.8
"""Power of the suggested numbers of processes, and of the smallest detectable slowdown."""
MOST_PROCESSES = 1000
"""Largest number of processes that is suggested."""


@dataclass(frozen=True)
class Side:
    """The log ratios of one cell on one side of a comparison.

    Args:
        processes: the estimate of each process, two or more.
    """

    processes: Sequence[ProcessEstimate]

    @cached_property
    def point(self) -> float:
        """The weighted mean."""
        return weighted_mean(self.processes).point

    @cached_property
    def variance(self) -> float:
        """The variance of a process: its number times the squared standard error of the mean."""
        error = weighted_mean(self.processes).error
        assert error is not None
        return len(self.processes) * error**2


@dataclass(frozen=True)
class Shift:
    """A change.

    Args:
        sides: the earlier and the later run, or the direct ratio of two revisions alone.
        threshold: smallest change that counts, as a fraction.
        cluster: shifts of one cluster share a baseline and are not independent.
    """

    sides: tuple[Side, ...]
    threshold: float
    cluster: str

    @property
    def point(self) -> float:
        """The change as a log ratio: the later side minus the earlier one."""
        return self.sides[-1].point - (self.sides[0].point if len(self.sides) > 1 else 0.0)

    @property
    def limit(self) -> float:
        """The threshold on the logarithmic scale, the same in both directions."""
        return math.log1p(self.threshold)


@dataclass(frozen=True)
class Spread:
    """The uncertainty of a change.

    Args:
        variances: moderated variance of a process, for each side.
        freedom: degrees of freedom of each.
        processes: number of processes of each.
    """

    variances: tuple[float, ...]
    freedom: tuple[float, ...]
    processes: tuple[int, ...]

    @property
    def error(self) -> float:
        """Standard error of the change."""
        return math.sqrt(sum(self._parts))

    @property
    def joint_freedom(self) -> float:
        """Degrees of freedom of the change, by Welch and Satterthwaite."""
        shares = zip(self._parts, self.freedom, strict=True)
        return sum(self._parts) ** 2 / sum(part**2 / freedom for part, freedom in shares)

    @property
    def _parts(self) -> list[float]:
        """The squared standard error of each side."""
        return [variance / count for variance, count in zip(self.variances, self.processes, strict=True)]

    def with_processes(self, count: int) -> "Spread":
        """The uncertainty from this number of processes on each side, at the same variances."""
        more = (max(1.0, nu + count - now) for nu, now in zip(self.freedom, self.processes, strict=True))
        return Spread(self.variances, tuple(more), (count,) * len(self.variances))


@dataclass(frozen=True)
class Decision:
    """The decision on a shift.

    Args:
        kind: regressed, improved, unchanged or inconclusive.
        point: the change, a log ratio.
        low, high: its unadjusted 95 % confidence interval.
        p: Holm-adjusted p-value in the direction of the change.
        processes: for an inconclusive shift, the number of processes on each side that decide a change of this size at
            this variance with 80 % power; None where more than :data:`MOST_PROCESSES` would be needed.
        detectable: the smallest slowdown that is detected with 80 % power at this variance, a log ratio.
    """

    kind: Kind
    point: float
    low: float
    high: float
    p: float
    processes: int | None
    detectable: float


def spreads_of(shifts: Sequence[Shift]) -> list[Spread]:
    """The uncertainty of each shift, with the variances of each side moderated over all shifts.

    The sides are moderated apart, because two runs may differ in their spread: pooled, intervals of runs with 6 and 40
    processes cover as little as 74 %.
    """
    if not shifts:
        return []
    sides = list(zip(*(shift.sides for shift in shifts), strict=True))
    clusters = [shift.cluster for shift in shifts]
    moderated = [_moderated(side, clusters) for side in sides]
    return [
        Spread(
            tuple(float(variances[index]) for variances, _ in moderated),
            tuple(float(freedom[index]) for _, freedom in moderated),
            tuple(len(side.processes) for side in shift.sides),
        )
        for index, shift in enumerate(shifts)
    ]


def _moderated(sides: Sequence[Side], clusters: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Moderated variances of one side and their degrees of freedom."""
    variances = np.asarray([side.variance for side in sides])
    # A variance of exactly 0 comes from copied records; its logarithm does not exist.
    least = max(1e-5 * float(np.median(variances)), 1e-18)
    freedom = [len(side.processes) - 1 for side in sides]
    return moderate(np.maximum(variances, least), freedom, _joint_freedom(sides, clusters))


def _joint_freedom(sides: Sequence[Side], clusters: Sequence[str]) -> float:
    """Degrees of freedom of all variances together, reduced for those that share a baseline.

    Squares of normal values correlate by the square of the values' correlation ρ, so the mean of k variances has
    1/(1 + (k − 1) ρ²) of the joint degrees of freedom.
    """
    members: dict[str, list[Side]] = {}
    for side, cluster in zip(sides, clusters, strict=True):
        members.setdefault(cluster, []).append(side)
    total = 0.0
    for sharing in members.values():
        correlation = between_correlation([[process.point for process in side.processes] for side in sharing])
        freedom = sum(len(side.processes) - 1 for side in sharing)
        total += freedom / (1 + (len(sharing) - 1) * correlation**2)
    return total


def interval_of(shift: Shift, spread: Spread) -> tuple[float, float]:
    """The unadjusted 95 % confidence interval of a change."""
    from scipy.special import stdtrit

    reach = float(stdtrit(spread.joint_freedom, (1 + LEVEL) / 2)) * spread.error
    return shift.point - reach, shift.point + reach


def inside(low: float, high: float, limit: float) -> bool:
    """Whether a whole interval lies within ± a limit."""
    return -limit < low and high < limit


def decide(shifts: Sequence[Shift]) -> list[Decision]:
    """Decide on each shift of one comparison, which is a family.

    Regressed: the Holm-adjusted p of "the change is at most the threshold" is below 0.05; improved likewise downwards;
    unchanged: the unadjusted 95 % interval lies within ± the threshold.
    """
    from scipy.special import stdtr

    spreads = spreads_of(shifts)
    tests = list(zip(shifts, spreads, strict=True))
    up = holm([float(stdtr(one.joint_freedom, (shift.limit - shift.point) / one.error)) for shift, one in tests])
    down = holm([float(stdtr(one.joint_freedom, (shift.limit + shift.point) / one.error)) for shift, one in tests])
    decisions = []
    for shift, spread, worse, better in zip(shifts, spreads, up, down, strict=True):
        low, high = interval_of(shift, spread)
        kind: Kind = "inconclusive"
        if worse < SIGNIFICANCE:
            kind = "regressed"
        elif better < SIGNIFICANCE:
            kind = "improved"
        elif inside(low, high, shift.limit):
            kind = "unchanged"
        p = worse if shift.point > 0 else better
        processes = processes_needed(shift, spread, len(shifts)) if kind == "inconclusive" else None
        detectable = detectable_slowdown(shift.limit, spread, len(shifts))
        decisions.append(Decision(kind, shift.point, low, high, p, processes, detectable))
    return decisions


def processes_needed(shift: Shift, spread: Spread, family: int) -> int | None:
    """Processes on each side that decide a change of this size, at this variance, with 80 % power.

    Args:
        shift: the observed change, taken as the true one.
        spread: its uncertainty.
        family: number of shifts tested together; the level is that of Holm's first step.
    """
    distance = abs(shift.point) - shift.limit

    def power(count: int) -> float:
        more = spread.with_processes(count)
        if distance > 0:
            return detection_power(distance / more.error, more.joint_freedom, family)
        return equivalence_power(shift.point, shift.limit, more)

    candidates = range(max(spread.processes) + 1, MOST_PROCESSES + 1)
    return _first(candidates, power)


def _first(candidates: range, power: Callable[[int], float]) -> int | None:
    """The first candidate with enough power, which increases with the candidates; None if there is none."""
    index = bisect_left(candidates, POWER, key=power)
    return candidates[index] if index < len(candidates) else None


def detection_power(excess: float, freedom: float, family: int) -> float:
    """Probability that a change beyond the threshold is detected, by the noncentral t distribution.

    Args:
        excess: true change beyond the threshold, in standard errors.
        freedom: degrees of freedom of the standard error.
        family: number of shifts tested together.
    """
    from scipy.special import nctdtr, stdtrit

    return 1 - float(nctdtr(freedom, excess, stdtrit(freedom, 1 - SIGNIFICANCE / family)))


def equivalence_power(point: float, limit: float, spread: Spread) -> float:
    """Probability that the 95 % interval lies within ± the limit (Chow and Liu, *Design and Analysis of Bioavailability
    and Bioequivalence Studies*, section 5.3, with t distributions).
    """
    from scipy.special import stdtr, stdtrit

    freedom, error = spread.joint_freedom, spread.error
    quantile = float(stdtrit(freedom, (1 + LEVEL) / 2))
    up, down = (float(stdtr(freedom, (limit - sign * point) / error - quantile)) for sign in (1, -1))
    return max(0.0, up + down - 1)


def detectable_slowdown(limit: float, spread: Spread, family: int) -> float:
    """The smallest true slowdown, as a log ratio, that is detected with 80 % power."""
    from scipy.special import nctdtrinc, stdtrit

    freedom = spread.joint_freedom
    excess = nctdtrinc(freedom, 1 - POWER, stdtrit(freedom, 1 - SIGNIFICANCE / family))
    return limit + float(excess) * spread.error
