"""Pure functions on arrays: samples → point and confidence interval."""

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.95
"""Confidence level of every printed interval."""
SIGNIFICANCE = 0.05
"""Largest adjusted p-value of a significant difference."""
LEAST_SPREAD = 1e-7
"""Smallest standard deviation of differences, in points or log ratios, that is more than rounding."""


@dataclass(frozen=True)
class Estimate:
    """A point with its confidence interval, and the method behind both.

    ``low`` and ``high`` are None where there are too few independent units for an interval.
    """

    point: float
    low: float | None
    high: float | None
    method: str


def log_ratios(samples: ArrayLike, baseline: ArrayLike) -> NDArray[np.float64]:
    """log(sample ÷ baseline), round by round; both of shape (rounds,) in the same unit."""
    logs: NDArray[np.float64] = np.log(np.asarray(samples, dtype=float)) - np.log(np.asarray(baseline, dtype=float))
    return logs


def median_interval(values: ArrayLike, level: float = LEVEL) -> tuple[float, float]:
    """The distribution-free interval of a median, from order statistics of independent values.

    The ranks n/2 ± z√n/2 are the normal approximation of the binomial ones (Conover, *Practical Nonparametric
    Statistics*, section 3.2), rounded outwards. Infinite where they leave the sample.
    """
    from scipy.special import ndtri

    ordered = np.sort(np.asarray(values, dtype=float))
    n = len(ordered)
    reach = float(ndtri((1 + level) / 2)) * math.sqrt(n) / 2
    low, high = math.floor(n / 2 - reach), math.ceil(n / 2 + 1 + reach)
    if low < 1 or high > n:
        return -math.inf, math.inf
    return float(ordered[low - 1]), float(ordered[high - 1])


def median_halfwidth(values: ArrayLike, level: float = LEVEL) -> float:
    """Half the width of :func:`median_interval`."""
    low, high = median_interval(values, level)
    return (high - low) / 2


def student_interval(values: Sequence[float], level: float = LEVEL) -> tuple[float, float | None, float | None]:
    """Mean and Student-t interval of independent values; no interval from fewer than two."""
    from scipy.special import stdtrit

    n = len(values)
    mean = math.fsum(values) / n
    if n < 2:
        return mean, None, None
    reach = float(stdtrit(n - 1, (1 + level) / 2)) * deviation(values) / math.sqrt(n)
    return mean, mean - reach, mean + reach


def deviation(values: Sequence[float]) -> float:
    """Standard deviation of two values or more, with n − 1 degrees of freedom."""
    # Plain Python: for a handful of values an array takes ten times as long.
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def deviation_interval(values: Sequence[float], level: float = LEVEL) -> tuple[float, float]:
    """The interval of the standard deviation of normal values, from the χ² distribution; two values or more."""
    from scipy.special import chdtri

    freedom, observed = len(values) - 1, deviation(values)
    low, high = (math.sqrt(freedom / float(chdtri(freedom, tail))) for tail in ((1 - level) / 2, (1 + level) / 2))
    return observed * low, observed * high


def over_processes(values: Sequence[float], seeded: bool = False) -> Estimate:
    """The mean of one value a process with a Student-t interval, or exact where all are equal.

    Values of seeds are never exact: where all are equal, or there is only one, the interval is unknown.
    """
    if len(set(values)) == 1 and not seeded:
        return Estimate(values[0], values[0], values[0], "exact")
    mean = interval_of_differences(values) if seeded else student_interval(values)
    return Estimate(*mean, f"mean of {len(values)} processes, Student t")


@dataclass(frozen=True)
class ProcessEstimate:
    """The log ratio of one process.

    Args:
        point: median of the log ratio over the rounds.
        error: standard error of the median; infinite from a single round.
    """

    point: float
    error: float


def process_estimate(log_ratios: ArrayLike) -> ProcessEstimate:
    """The estimate of a process from its log ratios, shape (rounds,), at least one.

    The error is the half-width of :func:`median_interval` over the normal quantile. Too few rounds for that interval
    have the error of a median of normal values, √(π/2) times that of their mean.
    """
    from scipy.special import ndtri

    values = np.asarray(log_ratios, dtype=float)
    error = median_halfwidth(values) / float(ndtri((1 + LEVEL) / 2))
    if math.isinf(error) and len(values) > 1:
        error = math.sqrt(math.pi / 2) * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return ProcessEstimate(float(np.median(values)), error)


@dataclass(frozen=True)
class WeightedMean:
    """Mean of independent estimates, weighted by their precision.

    Args:
        point: the mean.
        error: its standard error; None from fewer than two estimates.
    """

    point: float
    error: float | None


LEAST_BETWEEN = 0.005
"""Smallest standard deviation between processes that weights assume, as a log ratio: differences in memory layout make
identical builds differ by half a per cent, and six processes do not show that reliably."""


def weighted_mean(estimates: Sequence[ProcessEstimate]) -> WeightedMean:
    """The random-effects mean: weights 1/(s² + τ²), τ² by Paule and Mandel, standard error by Hartung and Knapp.

    Sources: Paule and Mandel, *J. Res. Natl. Bur. Stand.* 87, 1982; Hartung and Knapp, *Stat. Med.* 20, 2001. All
    weights are equal where an error is unknown.
    """
    # Plain Python: for a handful of values an array takes ten times as long.
    points = [estimate.point for estimate in estimates]
    variances = [estimate.error**2 for estimate in estimates]
    if not all(map(math.isfinite, variances)):
        variances = [0.0] * len(points)
    between = max(LEAST_BETWEEN**2, between_variance(points, variances))
    weights = [1 / (variance + between) for variance in variances]
    total = math.fsum(weights)
    mean = math.fsum(map(operator.mul, weights, points)) / total
    if len(points) < 2:
        return WeightedMean(mean, None)
    squares = math.fsum(weight * (point - mean) ** 2 for weight, point in zip(weights, points, strict=True)) / total
    return WeightedMean(mean, math.sqrt(squares / (len(points) - 1)))


def between_variance(points: Sequence[float], variances: Sequence[float]) -> float:
    """The variance τ² between processes, by Paule and Mandel: the root of Σ (y − μ)²/(s² + τ²) = n − 1, or 0.

    Args:
        points: estimates y of the processes.
        variances: variance s² of each within its process; of the same unit squared.
    """
    from scipy.optimize import brentq

    def excess(between: float) -> float:
        weights = [1 / (variance + between) for variance in variances]
        mean = math.fsum(map(operator.mul, weights, points)) / math.fsum(weights)
        squares = (weight * (point - mean) ** 2 for weight, point in zip(weights, points, strict=True))
        return math.fsum(squares) - (len(points) - 1)

    if len(points) < 2:
        return 0.0
    # At n times the sample variance, each term is below (n − 1) / n.
    least, most = 1e-18, len(points) * deviation(points) ** 2 + 1e-12
    return 0.0 if excess(least) <= 0 else float(brentq(excess, least, most))


def between_correlation(series: Sequence[Sequence[float]]) -> float:
    """Correlation of series that share a baseline: their mean covariance over their mean variance, at least 0.

    Args:
        series: the log ratios of each member, in the same processes. Series of other lengths than the first are left
            out, because their processes cannot be matched.

    Returns:
        Between 0 and 1; 0 for fewer than two series, and 1 without any spread.
    """
    matched = [values for values in series if len(values) == len(series[0])]
    if len(matched) < 2:
        return 0.0
    covariances = np.cov(np.asarray(matched, dtype=float))
    variance = float(np.trace(covariances)) / len(matched)
    if variance <= 0:
        return 1.0
    shared = (float(np.sum(covariances)) - float(np.trace(covariances))) / (len(matched) * (len(matched) - 1))
    return min(1.0, max(0.0, shared / variance))


REGIME_FACTOR = 9.0
"""Variance between processes from which on they disagree, relative to the median variance within them."""


def processes_disagree(points: Sequence[float], errors: Sequence[float]) -> bool:
    """Whether processes differ so much more than their own errors explain that they are in different regimes.

    The t interval over such processes covers 53 to 74 % instead of 95 %, see ``reports/simulated_verdicts``. Identical
    builds differ by :data:`LEAST_BETWEEN`, so three times as much is needed however small the errors are.

    Args:
        points: log ratio of each process.
        errors: standard error of each.
    """
    if len(points) < 2 or not all(map(math.isfinite, errors)):
        return False
    variances = [error**2 for error in errors]
    return between_variance(points, variances) > REGIME_FACTOR * max(median(variances), LEAST_BETWEEN**2)


def ratio_of(estimates: Sequence[ProcessEstimate]) -> Estimate:
    """The ratio from the log ratio of each process: the exponential of their weighted mean, with a t interval.

    The interval has n − 1 degrees of freedom; there is none from fewer than two processes.
    """
    from scipy.special import stdtrit

    mean = weighted_mean(estimates)
    method = f"weighted mean over {len(estimates)} processes of the median log ratio, Hartung-Knapp"
    if mean.error is None:
        return Estimate(math.exp(mean.point), None, None, method)
    reach = float(stdtrit(len(estimates) - 1, (1 + LEVEL) / 2)) * mean.error
    return Estimate(math.exp(mean.point), math.exp(mean.point - reach), math.exp(mean.point + reach), method)


def time_range(samples: Sequence[Sequence[float]]) -> Estimate:
    """A time from the samples of each process: the median of their medians, with the 5th and 95th percentile."""
    low, high = np.quantile(np.concatenate([np.asarray(process) for process in samples]), [0.05, 0.95])
    point = float(median(map(median, samples)))
    return Estimate(point, float(low), float(high), f"median of {len(samples)} processes; 5th and 95th percentile")


def count_outliers(samples: ArrayLike) -> int:
    """The number of samples more than three interquartile ranges outside the quartiles; they are kept."""
    values = np.asarray(samples, dtype=float)
    first, third = np.quantile(values, [0.25, 0.75])
    reach = 3 * (third - first)
    return int(np.sum((values < first - reach) | (values > third + reach)))


def holm(p: Sequence[float]) -> list[float]:
    """p-values adjusted for the family of these tests (Holm, *Scand. J. Statist.* 6, 1979), in the order given."""
    adjusted, highest = [0.0] * len(p), 0.0
    for rank, index in enumerate(sorted(range(len(p)), key=lambda index: p[index])):
        highest = max(highest, min(1.0, (len(p) - rank) * p[index]))
        adjusted[index] = highest
    return adjusted


def holm_of_known(p: Sequence[float | None]) -> list[float | None]:
    """Like :func:`holm`; unknown p-values are not part of the family and stay None."""
    adjusted = iter(holm([value for value in p if value is not None]))
    return [None if value is None else next(adjusted) for value in p]


def t_statistic(differences: Sequence[float]) -> float | None:
    """Mean over its standard error; 0 where all are 0; None where the spread is unknown.

    The spread of a single difference is unknown, and so is that of equal differences: accuracy has steps of one image,
    so a few equal steps do not show that there is no spread.
    """
    mean = math.fsum(differences) / len(differences)
    if len(differences) < 2:
        return None
    spread = deviation(differences)
    if spread < LEAST_SPREAD:
        return 0.0 if abs(mean) < LEAST_SPREAD else None
    return mean / (spread / math.sqrt(len(differences)))


def interval_of_differences(differences: Sequence[float]) -> tuple[float, float | None, float | None]:
    """Like :func:`student_interval`, without bounds where the spread is unknown; see :func:`t_statistic`."""
    mean, low, high = student_interval(differences)
    return (mean, None, None) if t_statistic(differences) is None else (mean, low, high)


def t_test(differences: Sequence[float]) -> float | None:
    """Two-sided p-value of "their mean is 0", by Student's t; None where the spread is unknown."""
    from scipy.special import stdtr

    t = t_statistic(differences)
    return None if t is None else min(1.0, 2 * float(stdtr(len(differences) - 1, -abs(t))))


def moderate(variances: ArrayLike, freedom: ArrayLike, most: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shrink variances of few values towards their common value.

    Empirical Bayes: the true variances are draws from a scaled inverse χ² distribution, whose scale and degrees of
    freedom come from the moments of the logarithms of the observed ones (Smyth, *Stat. Appl. Genet. Mol. Biol.* 3,
    2004, section 6.2). Where these differ no more than by chance, all become the pooled variance.

    Args:
        variances: shape (n,), all > 0.
        freedom: their degrees of freedom, shape (n,), all ≥ 1.
        most: joint degrees of freedom of all variances; no result has more.

    Returns:
        The moderated variances and their degrees of freedom, both of shape (n,).
    """
    from scipy.special import digamma, polygamma

    observed, degrees = np.asarray(variances, dtype=float), np.asarray(freedom, dtype=float)
    shared, prior = float(np.average(observed, weights=degrees)), math.inf
    if len(observed) > 1:
        logs = np.log(observed) - digamma(degrees / 2) + np.log(degrees / 2)
        excess = float(np.var(logs, ddof=1) - np.mean(polygamma(1, degrees / 2)))
        if excess > 0:
            prior = 2 * _inverse_trigamma(excess)
            shared = math.exp(float(np.mean(logs)) + float(digamma(prior / 2)) - math.log(prior / 2))
    else:
        prior = 0.0
    if math.isinf(prior):
        return np.full_like(observed, shared), np.full_like(observed, most)
    joint_freedom = prior + degrees
    return (prior * shared + degrees * observed) / joint_freedom, np.minimum(joint_freedom, most)


def _inverse_trigamma(value: float) -> float:
    """The x > 0 with ψ′(x) = value; ψ′ falls from infinity to 0."""
    from scipy.optimize import brentq
    from scipy.special import polygamma

    # 1/x < ψ′(x) < 1/x + 1/x² for all x > 0, which encloses the root.
    low, high = 1 / value, (1 + math.sqrt(1 + 4 * value)) / (2 * value)
    return float(brentq(lambda x: float(polygamma(1, x)) - value, low, high))
