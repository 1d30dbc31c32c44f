"""What others gate on, all of them on times of A and B taken one after the other.

Each rule is told as the smallest slow-down of B that it would have called a regression: 0 where it does so as it is.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np

from bench.results.statistics import LEVEL
from bench.studies.calibration.windows import Samples


def needed_by_mean(a: Samples, b: Samples) -> float:
    """pytest-benchmark's ``--benchmark-compare-fail=mean:5%``."""
    return max(0.0, 1.05 / float(np.mean(b) / np.mean(a)) - 1)


def needed_by_asv(a: Samples, b: Samples) -> float:
    """Asv's default: a Mann–Whitney test at p < 0.002, and medians that differ by a factor of 1.1."""
    from scipy.stats import mannwhitneyu

    by_factor = 1.1 / float(np.median(b) / np.median(a)) - 1
    # Beyond the factor the test is all but certain; it is asked at the first slow-down that passes the factor.
    certain = mannwhitneyu(a, b * (1 + max(0.0, by_factor))).pvalue < 0.002
    return max(0.0, by_factor) if certain else math.inf


def needed_by_criterion(a: Samples, b: Samples, draws: int = 1000) -> float:
    """criterion.rs: the bootstrap interval of the change of the mean wholly beyond its noise threshold of 1 %."""
    rng = np.random.default_rng(0)
    ratios = rng.choice(b, (draws, len(b))).mean(axis=1) / rng.choice(a, (draws, len(a))).mean(axis=1)
    return max(0.0, 1.01 / float(np.quantile(ratios, (1 - LEVEL) / 2)) - 1)


PEERS: Mapping[str, Callable[[Samples, Samples], float]] = {
    "pytest-benchmark, mean +5 %": needed_by_mean,
    "asv, Mann–Whitney p < 0.002 and factor 1.1": needed_by_asv,
    "criterion, interval beyond ±1 %": needed_by_criterion,
}
"""What others gate on, all of them on times taken one after the other."""
