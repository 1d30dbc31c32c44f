"""Proportions of trials with exact binomial intervals, where trials of one process are correlated."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.results.statistics import LEVEL


@dataclass(frozen=True)
class Proportion:
    """A proportion of trials with its exact binomial interval (Clopper and Pearson).

    Args:
        share: hits divided by trials.
        low: lower bound.
        high: upper bound.
        trials: number of trials.
        effective: effective number of independent trials, which the interval is for.
    """

    share: float
    low: float
    high: float
    trials: int
    effective: float


def proportion(hits: int, trials: int, independence: float) -> Proportion:
    """The proportion of hits among trials.

    Args:
        hits: number of hits.
        trials: number of trials.
        independence: effective number of independent trials divided by the number of trials; 1 for independent trials.
    """
    from scipy.special import betaincinv

    n, k = trials * independence, hits * independence
    low = float(betaincinv(k, n - k + 1, (1 - LEVEL) / 2)) if hits else 0.0
    high = float(betaincinv(k + 1, n - k, (1 + LEVEL) / 2)) if hits < trials else 1.0
    return Proportion(hits / trials, low, high, trials, n)


def independence_of(clusters: Sequence[Sequence[float]]) -> float:
    """Effective number of independent values divided by the number of values: 1 / (1 + (k − 1) ρ).

    k is the mean size of a cluster, and ρ the intraclass correlation, at least 0 (Kish, *Survey Sampling*,
    section 5.4).

    Args:
        clusters: for each process, the values of its windows.
    """
    several = [values for values in clusters if len(values) > 1]
    if len(several) < 2:
        return 1.0
    k = float(np.mean([len(values) for values in clusters]))
    within = float(np.mean([np.var(values, ddof=1) for values in several]))
    means = float(np.var([np.mean(values) for values in several], ddof=1))
    between = max(0.0, means - within * float(np.mean([1 / len(values) for values in several])))
    return 1 / (1 + (k - 1) * (between / (between + within) if between + within else 0.0))
