"""Changes of times and their uncertainty → decisions. Changes are on the logarithmic scale."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.results.statistics import LEVEL, SIGNIFICANCE, holm, moderate
from bench.results.verdicts import Kind

MOST_REPEATS = 1000
"""Largest number of processes that is suggested."""
_SHARED_BASELINE = 0.25
"""Correlation of squared log ratios to one baseline: the ratios correlate by 1/2 where variances are alike."""


@dataclass(frozen=True)
class Shift:
    """A change and the parts of its uncertainty.

    Args:
        point: the mean change, a log ratio.
        variance: variance between processes, pooled over both sides where there are two.
        freedom: degrees of freedom of the variance.
        scale: the variance of ``point`` over ``variance``: 1/n for n processes, 1/n + 1/m between two runs.
        sides: number of sides that the processes belong to, 1 or 2.
        threshold: smallest change that counts, as a fraction.
        cluster: shifts of one cluster share a baseline and are not independent.
    """

    point: float
    variance: float
    freedom: int
    scale: float
    sides: int
    threshold: float
    cluster: str

    @property
    def limit(self) -> float:
        """The threshold on the logarithmic scale, the same in both directions."""
        return math.log1p(self.threshold)


@dataclass(frozen=True)
class Decision:
    """The decision on a shift.

    Args:
        kind: regressed, improved, unchanged or inconclusive.
        point: the change, a log ratio.
        low, high: its unadjusted 95 % confidence interval.
        p: Holm-adjusted p-value in the direction of the change.
        repeats: for an inconclusive shift, the number of processes on each side that would decide a change of this size
            at this variance; None where more than :data:`MOST_REPEATS` would be needed.
    """

    kind: Kind
    point: float
    low: float
    high: float
    p: float
    repeats: int | None


def one_side(log_ratios: Sequence[float], threshold: float, cluster: str) -> Shift:
    """The shift of two or more per-process log ratios."""
    n = len(log_ratios)
    return Shift(float(np.mean(log_ratios)), float(np.var(log_ratios, ddof=1)), n - 1, 1 / n, 1, threshold, cluster)


def two_sides(base: Sequence[float], new: Sequence[float], threshold: float, cluster: str) -> Shift:
    """The shift between two runs' per-process log ratios; two or more on each side."""
    n, m = len(base), len(new)
    squares = (n - 1) * float(np.var(base, ddof=1)) + (m - 1) * float(np.var(new, ddof=1))
    point = float(np.mean(new)) - float(np.mean(base))
    return Shift(point, squares / (n + m - 2), n + m - 2, 1 / n + 1 / m, 2, threshold, cluster)


def moderated_variances(shifts: Sequence[Shift]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Moderated variance and degrees of freedom of each shift, from all of them together."""
    variances = np.asarray([shift.variance for shift in shifts])
    # A variance of exactly 0 comes from copied records; its logarithm does not exist.
    least = max(1e-5 * float(np.median(variances)), 1e-18)
    return moderate(np.maximum(variances, least), [shift.freedom for shift in shifts], _joint_freedom(shifts))


def _joint_freedom(shifts: Sequence[Shift]) -> float:
    """Degrees of freedom of all shifts together, reduced for shifts that share a baseline."""
    clusters: dict[str, list[int]] = {}
    for shift in shifts:
        clusters.setdefault(shift.cluster, []).append(shift.freedom)
    return sum(sum(cluster) / (1 + (len(cluster) - 1) * _SHARED_BASELINE) for cluster in clusters.values())


def shift_interval(shift: Shift, variance: float, freedom: float) -> tuple[float, float]:
    """The unadjusted 95 % confidence interval of a change."""
    from scipy.special import stdtrit

    reach = float(stdtrit(freedom, (1 + LEVEL) / 2)) * math.sqrt(variance * shift.scale)
    return shift.point - reach, shift.point + reach


def inside(low: float, high: float, limit: float) -> bool:
    """Whether a whole interval lies within ± a limit."""
    return -limit < low and high < limit


def decide(shifts: Sequence[Shift], variances: ArrayLike, freedom: ArrayLike) -> list[Decision]:
    """Decide on each shift of one comparison.

    Regressed: the Holm-adjusted p of "the change is at most the threshold" is below 0.05; improved likewise downwards;
    unchanged: the unadjusted 95 % interval lies within ± the threshold.

    Args:
        shifts: the family.
        variances: moderated, from :func:`moderated_variances`.
        freedom: degrees of freedom of the variances.
    """
    from scipy.special import stdtr

    spreads = list(zip(np.asarray(variances).tolist(), np.asarray(freedom).tolist(), strict=True))
    errors = [math.sqrt(variance * shift.scale) for shift, (variance, _) in zip(shifts, spreads, strict=True)]
    tests = list(zip(shifts, errors, spreads, strict=True))
    up = holm([float(stdtr(nu, (shift.limit - shift.point) / error)) for shift, error, (_, nu) in tests])
    down = holm([float(stdtr(nu, (shift.limit + shift.point) / error)) for shift, error, (_, nu) in tests])
    decisions = []
    for (shift, error, (variance, nu)), worse, better in zip(tests, up, down, strict=True):
        low, high = shift_interval(shift, variance, nu)
        kind: Kind = "inconclusive"
        if worse < SIGNIFICANCE:
            kind = "regressed"
        elif better < SIGNIFICANCE:
            kind = "improved"
        elif inside(low, high, shift.limit):
            kind = "unchanged"
        needed = processes_needed(shift, error, nu, len(shifts)) if kind == "inconclusive" else None
        decisions.append(Decision(kind, shift.point, low, high, worse if shift.point > 0 else better, needed))
    return decisions


def processes_needed(shift: Shift, error: float, freedom: float, family: int) -> int | None:
    """Processes on each side after which a change of this size, at this variance, is outside or inside the threshold.

    Args:
        shift: the observed change.
        error: its present standard error.
        freedom: degrees of freedom of its variance; each further process adds one a side.
        family: number of shifts tested together.
    """
    from scipy.special import stdtrit

    distance = abs(shift.point) - shift.limit
    level = 1 - SIGNIFICANCE / family if distance > 0 else (1 + LEVEL) / 2
    now = shift.sides / shift.scale
    for repeats in range(math.floor(now) + 1, MOST_REPEATS + 1):
        reach = float(stdtrit(freedom + shift.sides * (repeats - now), level))
        if reach * error * math.sqrt(now / repeats) < abs(distance):
            return repeats
    return None
