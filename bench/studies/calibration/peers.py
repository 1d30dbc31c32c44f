"""Regression rules of other tools, for times of A and B that were measured one after the other.

Each function returns the smallest slowdown of B that its rule reports as a regression: 0 for a false alarm, infinity if
it reports none.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np

from bench.results.statistics import LEVEL
from bench.studies.calibration.windows import Samples


def detected_by_mean(a: Samples, b: Samples) -> float:
    """Option ``--benchmark-compare-fail=mean:5%`` of pytest-benchmark."""
    return max(0.0, 1.05 / float(np.mean(b) / np.mean(a)) - 1)


def detected_by_asv(a: Samples, b: Samples) -> float:
    """Default of asv: a Mann–Whitney test at p < 0.002, and medians that differ by a factor of 1.1."""
    from scipy.stats import mannwhitneyu

    by_factor = 1.1 / float(np.median(b) / np.median(a)) - 1
    # A larger slowdown hardly changes the test, so it is evaluated once, at the first slowdown that passes the factor.
    significant = mannwhitneyu(a, b * (1 + max(0.0, by_factor))).pvalue < 0.002
    return max(0.0, by_factor) if significant else math.inf


def detected_by_criterion(a: Samples, b: Samples, draws: int = 1000) -> float:
    """Rule of criterion.rs: the bootstrap interval of the change of the mean lies beyond the noise threshold of 1 %."""
    rng = np.random.default_rng(0)
    ratios = rng.choice(b, (draws, len(b))).mean(axis=1) / rng.choice(a, (draws, len(a))).mean(axis=1)
    return max(0.0, 1.01 / float(np.quantile(ratios, (1 - LEVEL) / 2)) - 1)


PEERS: Mapping[str, Callable[[Samples, Samples], float]] = {
    "pytest-benchmark, mean +5 %": detected_by_mean,
    "asv, Mann–Whitney p < 0.002 and factor 1.1": detected_by_asv,
    "criterion, interval beyond ±1 %": detected_by_criterion,
}
"""Rule → the smallest slowdown that it detects."""
