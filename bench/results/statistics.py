"""Pure functions on arrays: how samples become a point and an interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.95
"""Of every interval that is printed."""
SIGNIFICANCE = 0.05
"""What an adjusted p must stay below for a difference to be called one."""
LEAST_SPREAD = 1e-7
"""Of differences, in points or as logs of ratios; what varies by less does not vary but for rounding."""


@dataclass(frozen=True)
class Estimate:
    """A point with its interval, and how both were made.

    ``low`` and ``high`` are None where too few independent units were seen for an interval.
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
    # In plain Python: repeats are few, and for so few an array takes ten times as long.
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((each - mean) ** 2 for each in values) / (len(values) - 1))


def over_repeats(figures: Sequence[float], seeded: bool = False) -> Estimate:
    """One figure a repeat: their mean with a Student-t interval, or exact where all are the same.

    What is drawn anew by seeds is never exact: where all are the same, or there is one, the interval is not known.
    """
    if len(set(figures)) == 1 and not seeded:
        return Estimate(figures[0], figures[0], figures[0], "exact")
    mean = seen_interval(figures) if seeded else student_interval(figures)
    return Estimate(*mean, f"mean of {len(figures)} repeats, Student t")


def median_log_ratio(samples: ArrayLike, baseline: ArrayLike) -> float:
    """A repeat's figure: the median over its rounds of the log ratio to the baseline."""
    return float(median(log_ratios(samples, baseline).tolist()))


def ratio_of(figures: Sequence[float]) -> Estimate:
    """A ratio from the repeats' log ratios: their mean with a Student-t interval, taken back from the logarithm."""
    point, low, high = student_interval(figures)
    return Estimate(
        math.exp(point),
        None if low is None else math.exp(low),
        None if high is None else math.exp(high),
        f"mean of {len(figures)} repeats' median log ratio, Student t",
    )


def time_range(samples: Sequence[Sequence[float]]) -> Estimate:
    """A time itself, from the samples of each repeat: the median of their medians, with the 5th and 95th percentile."""
    low, high = np.quantile(np.concatenate([np.asarray(each) for each in samples]), [0.05, 0.95])
    point = float(median(map(median, samples)))
    return Estimate(point, float(low), float(high), f"median of {len(samples)} repeats; 5th and 95th percentile")


def count_outliers(samples: ArrayLike) -> int:
    """Samples more than three interquartile ranges outside the quartiles. They are counted and kept."""
    values = np.asarray(samples, dtype=float)
    first, third = np.quantile(values, [0.25, 0.75])
    reach = 3 * (third - first)
    return int(np.sum((values < first - reach) | (values > third + reach)))


def holm(p: Sequence[float]) -> list[float]:
    """p-values adjusted for a family of so many tests (Holm, *Scand. J. Statist.* 6, 1979), in the order given."""
    adjusted, highest = [0.0] * len(p), 0.0
    for rank, index in enumerate(sorted(range(len(p)), key=lambda index: p[index])):
        highest = max(highest, min(1.0, (len(p) - rank) * p[index]))
        adjusted[index] = highest
    return adjusted


def holm_of_known(p: Sequence[float | None]) -> list[float | None]:
    """As :func:`holm`, where some are not known: these are not tested, and stay None."""
    adjusted = iter(holm([each for each in p if each is not None]))
    return [None if each is None else next(adjusted) for each in p]


def t_statistic(differences: Sequence[float]) -> float | None:
    """Mean over its standard error; 0 where all are 0; None where the spread is not known.

    That is so of a single difference, and where all are the same: accuracy comes in steps of one image, so the same
    step a few times is chance, and no proof that there is no spread.
    """
    mean = math.fsum(differences) / len(differences)
    if len(differences) < 2:
        return None
    spread = deviation(differences)
    if spread < LEAST_SPREAD:
        return 0.0 if abs(mean) < LEAST_SPREAD else None
    return mean / (spread / math.sqrt(len(differences)))


def seen_interval(differences: Sequence[float]) -> tuple[float, float | None, float | None]:
    """As :func:`student_interval`, without bounds where the spread is not known; see :func:`t_statistic`."""
    mean, low, high = student_interval(differences)
    return (mean, None, None) if t_statistic(differences) is None else (mean, low, high)


def t_test(differences: Sequence[float]) -> float | None:
    """P of "their mean is 0", two-sided, by Student's t; None where the spread is not known."""
    from scipy.special import stdtr

    t = t_statistic(differences)
    return None if t is None else min(1.0, 2 * float(stdtr(len(differences) - 1, -abs(t))))


def moderate(variances: ArrayLike, freedom: ArrayLike, most: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw variances that rest on few repeats towards what they have in common.

    Empirical Bayes: the true variances are taken for draws from a scaled inverse χ² distribution, whose scale and
    degrees of freedom come from the moments of the logarithms of those seen (Smyth, *Stat. Appl. Genet. Mol. Biol.* 3,
    2004, section 6.2). Where these differ no more than chance makes them, all become the pooled one.

    Args:
        variances: shape (n,), each > 0.
        freedom: their degrees of freedom, shape (n,), each ≥ 1.
        most: what all of them together are worth; no result has more degrees of freedom.

    Returns:
        The moderated variances and their degrees of freedom, both of shape (n,).
    """
    from scipy.special import digamma, polygamma

    seen, own = np.asarray(variances, dtype=float), np.asarray(freedom, dtype=float)
    shared, prior = float(np.average(seen, weights=own)), math.inf
    if len(seen) > 1:
        logs = np.log(seen) - digamma(own / 2) + np.log(own / 2)
        excess = float(np.var(logs, ddof=1) - np.mean(polygamma(1, own / 2)))
        if excess > 0:
            prior = 2 * _inverse_trigamma(excess)
            shared = math.exp(float(np.mean(logs)) + float(digamma(prior / 2)) - math.log(prior / 2))
    else:
        prior = 0.0
    if math.isinf(prior):
        return np.full_like(seen, shared), np.full_like(seen, most)
    return (prior * shared + own * seen) / (prior + own), np.minimum(prior + own, most)


def _inverse_trigamma(value: float) -> float:
    """X > 0 with ψ′(x) = value; ψ′ falls from infinity to 0."""
    from scipy.optimize import brentq
    from scipy.special import polygamma

    # 1/x < ψ′(x) < 1/x + 1/x² for all x > 0, which encloses the root.
    low, high = 1 / value, (1 + math.sqrt(1 + 4 * value)) / (2 * value)
    return float(brentq(lambda x: float(polygamma(1, x)) - value, low, high))
