"""From a change and its uncertainty to a verdict. Pure functions; changes are on the logarithmic scale."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.results.statistics import LEVEL, SIGNIFICANCE, holm, moderate
from bench.results.verdicts import Kind

MOST_REPEATS = 1000
"""More than so many would settle nothing that somebody waits for."""
_SHARED_BASELINE = 0.25
"""Log ratios to one baseline correlate by 1/2 where variances are alike, and their squares by the square of that."""


@dataclass(frozen=True)
class Shift:
    """A change and what its uncertainty is made of.

    Args:
        point: the mean change, a log ratio.
        variance: between repeats, pooled over both sides where there are two.
        freedom: its degrees of freedom.
        scale: the variance of ``point`` over ``variance``: 1/n for n repeats, 1/n + 1/m between two runs.
        sides: 1 or 2, over how many sides the repeats are spread.
        threshold: a change by less is none, as a fraction.
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
class Judged:
    """What became of a shift.

    Args:
        kind: regressed, improved, unchanged or inconclusive.
        point: the change, a log ratio.
        low, high: the unadjusted 95 % interval of it.
        p: Holm-adjusted, of the direction that the change has.
        repeats: where inconclusive, how many on each side would settle a change as seen at the spread seen; None where
            more than :data:`MOST_REPEATS` would not.
    """

    kind: Kind
    point: float
    low: float
    high: float
    p: float
    repeats: int | None


def one_side(figures: Sequence[float], threshold: float, cluster: str) -> Shift:
    """The shift that log ratios of one figure a repeat show by themselves; two or more."""
    n = len(figures)
    return Shift(float(np.mean(figures)), float(np.var(figures, ddof=1)), n - 1, 1 / n, 1, threshold, cluster)


def two_sides(base: Sequence[float], new: Sequence[float], threshold: float, cluster: str) -> Shift:
    """The shift between two runs' log ratios of one figure a repeat; two or more on each side."""
    n, m = len(base), len(new)
    squares = (n - 1) * float(np.var(base, ddof=1)) + (m - 1) * float(np.var(new, ddof=1))
    point = float(np.mean(new)) - float(np.mean(base))
    return Shift(point, squares / (n + m - 2), n + m - 2, 1 / n + 1 / m, 2, threshold, cluster)


def spread(shifts: Sequence[Shift]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Moderated variance and degrees of freedom of each shift, from all of them together."""
    variances = np.asarray([shift.variance for shift in shifts])
    # A spread of exactly nothing is a figure measured once and copied; a logarithm must not meet it.
    least = max(1e-5 * float(np.median(variances)), 1e-18)
    return moderate(np.maximum(variances, least), [shift.freedom for shift in shifts], _worth(shifts))


def _worth(shifts: Sequence[Shift]) -> float:
    """Degrees of freedom of all shifts together, less what those that share a baseline say twice."""
    clusters: dict[str, list[int]] = {}
    for shift in shifts:
        clusters.setdefault(shift.cluster, []).append(shift.freedom)
    return sum(sum(each) / (1 + (len(each) - 1) * _SHARED_BASELINE) for each in clusters.values())


def interval(shift: Shift, variance: float, freedom: float) -> tuple[float, float]:
    """The unadjusted 95 % interval of a change."""
    from scipy.special import stdtrit

    reach = float(stdtrit(freedom, (1 + LEVEL) / 2)) * math.sqrt(variance * shift.scale)
    return shift.point - reach, shift.point + reach


def inside(low: float, high: float, limit: float) -> bool:
    """Whether a whole interval lies within ± a limit."""
    return -limit < low and high < limit


def judge(shifts: Sequence[Shift], variances: ArrayLike, freedom: ArrayLike) -> list[Judged]:
    """A verdict on each shift of one comparison.

    Regressed: the Holm-adjusted p of "the change is at most the threshold" is below 0.05; improved likewise downwards;
    unchanged: the unadjusted 95 % interval lies within ± the threshold.

    Args:
        shifts: the family.
        variances: moderated, from :func:`spread`.
        freedom: of the variances.
    """
    from scipy.special import stdtr

    spreads = list(zip(np.asarray(variances).tolist(), np.asarray(freedom).tolist(), strict=True))
    errors = [math.sqrt(variance * shift.scale) for shift, (variance, _) in zip(shifts, spreads, strict=True)]
    tests = list(zip(shifts, errors, spreads, strict=True))
    up = holm([float(stdtr(nu, (each.limit - each.point) / error)) for each, error, (_, nu) in tests])
    down = holm([float(stdtr(nu, (each.limit + each.point) / error)) for each, error, (_, nu) in tests])
    found = []
    for (shift, error, (variance, nu)), worse, better in zip(tests, up, down, strict=True):
        low, high = interval(shift, variance, nu)
        kind: Kind = "inconclusive"
        if worse < SIGNIFICANCE:
            kind = "regressed"
        elif better < SIGNIFICANCE:
            kind = "improved"
        elif inside(low, high, shift.limit):
            kind = "unchanged"
        needed = settling(shift, error, nu, len(shifts)) if kind == "inconclusive" else None
        found.append(Judged(kind, shift.point, low, high, worse if shift.point > 0 else better, needed))
    return found


def settling(shift: Shift, error: float, freedom: float, family: int) -> int | None:
    """Repeats on each side after which a change as seen, at the spread seen, is outside the threshold or inside it.

    Args:
        shift: what was seen.
        error: its standard error now.
        freedom: of the variance that this is from; each repeat more adds one a side.
        family: how many are judged together.
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
