import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from scipy import stats

from bench.results.statistics import (
    Estimate,
    ProcessEstimate,
    between_variance,
    count_outliers,
    log_ratios,
    median_halfwidth,
    process_estimate,
    ratio_of,
    student_interval,
    weighted_mean,
)

positive = st.floats(1e-3, 1e3)


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=30).filter(lambda values: np.std(values) > 1e-6))
def test_student_interval_equals_scipys(values: list[float]) -> None:
    low, high = stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))
    assert student_interval(values) == pytest.approx((np.mean(values), low, high), rel=1e-9, abs=1e-9)


def test_error_of_a_process_by_hand() -> None:
    # For 10 values, the ranks 5 ± 1.96·√10/2 are rounded to 1 and 10.
    estimate = process_estimate([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    assert estimate.point == pytest.approx(0.55) and estimate.error == pytest.approx(0.45 / 1.95996, rel=1e-5)
    # Three values have no such interval: 1.2533 · 1 / √3.
    assert process_estimate([1.0, 2.0, 3.0]).error == pytest.approx(0.7236, rel=1e-4)
    assert process_estimate([1.0]).error == math.inf


def test_variance_between_processes_solves_its_equation() -> None:
    points, variances = np.array([0.01, 0.05, -0.02, 0.04]), np.array([1e-4, 4e-4, 1e-4, 9e-4])
    between = between_variance(points, variances)
    weights = 1 / (variances + between)
    mean = (weights * points).sum() / weights.sum()
    assert between > 0 and (weights * (points - mean) ** 2).sum() == pytest.approx(3)
    # Equal errors: the sample variance less the variance within.
    assert between_variance([0.0, 0.02], [1e-4, 1e-4]) == pytest.approx(2e-4 - 1e-4)
    assert between_variance([0.0, 0.001], [1e-4, 1e-4]) == 0.0


def test_imprecise_process_has_little_weight() -> None:
    precise = [ProcessEstimate(point, 0.002) for point in (0.03, 0.04, 0.05, 0.04, 0.04)]
    mean = weighted_mean([*precise, ProcessEstimate(-1.0, 0.8)])
    assert mean.point == pytest.approx(0.04, abs=0.001)
    assert mean.error is not None and mean.error < 0.01
    assert weighted_mean([*precise, ProcessEstimate(-1.0, math.inf)]).point == pytest.approx(-0.8 / 6)


@given(st.lists(st.floats(-0.1, 0.1), min_size=2, max_size=12), st.floats(0, 0.05))
def test_equal_errors_give_the_student_interval(points: list[float], error: float) -> None:
    estimate = ratio_of([ProcessEstimate(point, error) for point in points])
    expected = student_interval(points)
    assert (estimate.point, estimate.low, estimate.high) == pytest.approx(tuple(map(math.exp, expected)), rel=1e-9)  # type: ignore[arg-type]


def test_single_process_has_no_interval() -> None:
    assert student_interval([2.0]) == (2.0, None, None)


def ratio(processes: Sequence[tuple[ArrayLike, ArrayLike]]) -> Estimate:
    return ratio_of([process_estimate(log_ratios(variant, baseline)) for variant, baseline in processes])


def test_ratio_by_hand() -> None:
    # Medians of the rounds' ratios: 2 and 8, with equal errors; the mean of their logarithms is log 4.
    # Student t for one degree of freedom at 97.5 % is 12.706; the standard error is (log 8 − log 2)/2 = log 2.
    estimate = ratio([([2, 4, 1], [1, 1, 1]), ([8, 4, 16], [1, 1, 1])])
    assert estimate.point == pytest.approx(4)
    assert estimate.high == pytest.approx(4 * 2**12.7062, rel=1e-4)
    assert estimate.low == pytest.approx(4 / 2**12.7062, rel=1e-4)


@given(st.lists(positive, min_size=3, max_size=20), positive)
def test_shared_drift_cancels(drift: list[float], factor: float) -> None:
    baseline = np.asarray(drift)
    estimate = ratio([(factor * baseline, baseline)] * 5)
    assert (estimate.point, estimate.low, estimate.high) == pytest.approx((factor, factor, factor))


@given(st.lists(st.tuples(positive, positive), min_size=3, max_size=20))
def test_swapping_sides_inverts_the_ratio(rounds: list[tuple[float, float]]) -> None:
    one, other = np.transpose(rounds)
    processes = [(one, other), (one[::-1] * 1.1, other[::-1])]
    there, back = ratio(processes), ratio([(b, a) for a, b in processes])
    assert there.point * back.point == pytest.approx(1)
    assert there.low is not None and back.high is not None
    assert there.low * back.high == pytest.approx(1)


def test_log_ratios() -> None:
    assert log_ratios([1, 2], [2, 1]).tolist() == pytest.approx([-math.log(2), math.log(2)])


@pytest.mark.parametrize("n", [8, 16, 64, 256])
def test_coverage_of_the_median_interval(n: int) -> None:
    # Ranks rounded outwards cover at least 95 % by the exact binomial distribution, and not much more.
    values = np.arange(n, dtype=float)
    width = 2 * median_halfwidth(values)
    low = int((n - 1 - width) / 2)  # the interval's ranks are symmetric
    coverage = stats.binom.cdf(n - 1 - low, n, 0.5) - stats.binom.cdf(low, n, 0.5)
    assert 0.95 <= coverage <= 0.995


def test_too_few_rounds_have_no_median_interval() -> None:
    assert median_halfwidth([1, 2, 3]) == math.inf


def test_outliers_beyond_three_interquartile_ranges() -> None:
    # Quartiles of 0…8 are 2 and 6: the fences are −10 and 18.
    assert count_outliers([0, 1, 2, 3, 4, 5, 6, 7, 8]) == 0
    assert count_outliers([0, 1, 2, 3, 4, 5, 6, 7, 19]) == 1
