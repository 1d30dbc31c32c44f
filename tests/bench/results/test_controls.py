"""A/A controls whose intervals are known."""

import math

import pytest

from bench.results.controls import is_biased, resolution
from bench.results.statistics import Estimate


@pytest.mark.parametrize(
    ("low", "high", "percent"),
    [
        (0.995, 1.005, 1.0),  # narrower than the threshold
        (0.995, 1.02, 2.0),
        (0.95, 1.02, 100 * (1 / 0.95 - 1)),  # a change downwards counts by its ratio
        (1.02, 1.03, 3.0),
    ],
)
def test_resolution(low: float, high: float, percent: float) -> None:
    assert resolution(Estimate(1.0, low, high, "t"), 0.01) == pytest.approx(math.log1p(percent / 100))


def test_no_resolution_without_an_interval() -> None:
    assert resolution(None, 0.01) is None
    assert resolution(Estimate(1.0, None, None, "t"), 0.01) is None


@pytest.mark.parametrize(
    ("point", "low", "high", "biased"),
    [
        (1.02, 1.01, 1.03, True),
        (0.98, 0.97, 0.99, True),
        (1.02, 0.99, 1.05, False),  # the interval contains 1
        (1.009, 1.005, 1.013, False),  # within the threshold
        (0.9905, 0.985, 0.996, False),  # 1/1.01 is 0.9901
    ],
)
def test_bias_is_significant_and_beyond_the_threshold(point: float, low: float, high: float, biased: bool) -> None:
    assert is_biased(Estimate(point, low, high, "t"), 0.01) is biased


def test_no_bias_without_an_interval() -> None:
    assert not is_biased(Estimate(1.2, None, None, "t"), 0.01)
