"""How often something happened among trials, and how sure that is where trials are alike."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.results.statistics import LEVEL


@dataclass(frozen=True)
class Rate:
    """A share of trials with its exact binomial interval (Clopper and Pearson), for trials worth ``effective``."""

    share: float
    low: float
    high: float
    trials: int
    effective: float


def rate(hits: int, trials: int, worth: float) -> Rate:
    """A share of trials.

    Args:
        hits: of the trials.
        trials: how many there were.
        worth: what one trial counts, 1 where all are independent.
    """
    from scipy.special import betaincinv

    n, k = trials * worth, hits * worth
    low = float(betaincinv(k, n - k + 1, (1 - LEVEL) / 2)) if hits else 0.0
    high = float(betaincinv(k + 1, n - k, (1 + LEVEL) / 2)) if hits < trials else 1.0
    return Rate(hits / trials, low, high, trials, n)


def worth_of(figures: Sequence[Sequence[float]]) -> float:
    """What a trial is worth where windows of one process are alike: 1 / (1 + (k − 1) ρ).

    k is the mean number of windows of a process, and ρ the intraclass correlation of their figures, at least 0 (Kish,
    *Survey Sampling*, section 5.4).

    Args:
        figures: of each process those of its windows.
    """
    several = [each for each in figures if len(each) > 1]
    if len(several) < 2:
        return 1.0
    k = float(np.mean([len(each) for each in figures]))
    within = float(np.mean([np.var(each, ddof=1) for each in several]))
    means = float(np.var([np.mean(each) for each in several], ddof=1))
    between = max(0.0, means - within * float(np.mean([1 / len(each) for each in several])))
    return 1 / (1 + (k - 1) * (between / (between + within) if between + within else 0.0))
