"""Pure functions on arrays: how samples become a point and an interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.95
"""Of every interval that is printed."""


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


def median_halfwidth(values: ArrayLike, level: float = LEVEL) -> float:
    """Half the width of the distribution-free interval of a median, from order statistics.

    The ranks n/2 ± z√n/2 are the normal approximation of the binomial ones (Conover, *Practical Nonparametric
    Statistics*, section 3.2), rounded outwards. Infinite where they leave the sample.
    """
    from scipy.special import ndtri

    ordered = np.sort(np.asarray(values, dtype=float))
    n = len(ordered)
    reach = float(ndtri((1 + level) / 2)) * math.sqrt(n) / 2
    low, high = math.floor(n / 2 - reach), math.ceil(n / 2 + 1 + reach)
    if low < 1 or high > n:
        return math.inf
    return float(ordered[high - 1] - ordered[low - 1]) / 2


def student_interval(values: Sequence[float], level: float = LEVEL) -> tuple[float, float | None, float | None]:
    """Mean and Student-t interval of independent values; no interval from fewer than two."""
    from scipy.special import stdtrit

    n = len(values)
    mean = float(np.mean(values))
    if n < 2:
        return mean, None, None
    reach = float(stdtrit(n - 1, (1 + level) / 2)) * float(np.std(values, ddof=1)) / math.sqrt(n)
    return mean, mean - reach, mean + reach


def over_repeats(figures: Sequence[float]) -> Estimate:
    """One figure a repeat: exact where all are the same, else their mean with a Student-t interval."""
    if len(set(figures)) == 1:
        return Estimate(figures[0], figures[0], figures[0], "exact")
    return Estimate(*student_interval(figures), f"mean of {len(figures)} repeats, Student t")


def paired_ratio(repeats: Sequence[tuple[ArrayLike, ArrayLike]]) -> Estimate:
    """The ratio of a variant to its baseline from (variant, baseline) samples of each repeat, paired by round.

    A repeat's figure is the median log ratio over its rounds; the estimate is the mean of the repeats' figures
    with a Student-t interval over repeats, taken back from the logarithm.
    """
    figures = [float(np.median(log_ratios(variant, baseline))) for variant, baseline in repeats]
    point, low, high = student_interval(figures)
    return Estimate(
        math.exp(point),
        None if low is None else math.exp(low),
        None if high is None else math.exp(high),
        f"mean of {len(figures)} repeats' median log ratio, Student t",
    )


def count_outliers(samples: ArrayLike) -> int:
    """Samples more than three interquartile ranges outside the quartiles. They are counted and kept."""
    values = np.asarray(samples, dtype=float)
    first, third = np.quantile(values, [0.25, 0.75])
    reach = 3 * (third - first)
    return int(np.sum((values < first - reach) | (values > third + reach)))
