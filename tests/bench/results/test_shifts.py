import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import polygamma

from bench.results.shifts import Decision, Shift, decide, moderated_variances, one_side, processes_needed, two_sides
from bench.results.statistics import _inverse_trigamma, holm, moderate

LIMIT = math.log(1.01)


def alone(shift: Shift) -> tuple[str, float, float, float]:
    """The verdict, interval and p on a shift that is compared with no other."""
    [decision] = decide([shift], *moderated_variances([shift]))
    return decision.kind, decision.low, decision.high, decision.p


def test_holm_by_hand() -> None:
    # Sorted 0.01, 0.03, 0.04: times 3, 2, 1; never less than the one before.
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]


@given(st.floats(1e-3, 1e3))
def test_inverse_trigamma(value: float) -> None:
    assert float(polygamma(1, _inverse_trigamma(value))) == pytest.approx(value, rel=1e-9)


def test_variances_that_differ_by_chance_are_pooled() -> None:
    variances, freedom = moderate([1.0, 1.1, 0.9], [5, 5, 5], 15)
    assert variances == pytest.approx([1.0] * 3) and freedom == pytest.approx([15] * 3)


def test_prior_is_recovered_from_many_variances() -> None:
    """Smyth's model: 1/σ² is χ²(d0) / (d0 s0²), and s² is σ² χ²(d) / d."""
    draw, d0, s0, d = np.random.default_rng(0), 8.0, 2.0, 5
    true = d0 * s0 / draw.chisquare(d0, 40_000)
    observed = true * draw.chisquare(d, 40_000) / d
    moderated, freedom = moderate(observed, np.full(40_000, d), math.inf)
    assert freedom[0] == pytest.approx(d0 + d, rel=0.05)
    assert moderated == pytest.approx((d0 * s0 + d * observed) / (d0 + d), rel=0.05)


def test_single_variance_is_unchanged() -> None:
    variances, freedom = moderate([4.0], [5], 5)
    assert (list(variances), list(freedom)) == ([4.0], [5.0])


scattered = st.lists(st.floats(-0.1, 0.1), min_size=5, max_size=12).filter(lambda values: np.std(values) > 1e-4)


@given(scattered)
def test_one_side_equals_scipys_one_sample_t_test(ratios: list[float]) -> None:
    kind, low, high, p = alone(one_side(ratios, 0.01, "c"))
    bounds = stats.t.interval(0.95, len(ratios) - 1, loc=np.mean(ratios), scale=stats.sem(ratios))
    assert (low, high) == pytest.approx(bounds, rel=1e-6, abs=1e-9)
    worse = stats.ttest_1samp(ratios, LIMIT, alternative="greater").pvalue
    better = stats.ttest_1samp(ratios, -LIMIT, alternative="less").pvalue
    assert p == pytest.approx(worse if np.mean(ratios) > 0 else better, rel=1e-6, abs=1e-9)
    assert (kind == "regressed") == (worse < 0.05) and (kind == "improved") == (better < 0.05)


@given(scattered, scattered)
def test_two_sides_equal_scipys_two_sample_t_test(base: list[float], new: list[float]) -> None:
    kind, _, _, _ = alone(two_sides(base, new, 0.01, "c"))
    worse = stats.ttest_ind([ratio - LIMIT for ratio in new], base, alternative="greater").pvalue
    assert (kind == "regressed") == (worse < 0.05)


@given(scattered)
def test_decisions_are_symmetric(ratios: list[float]) -> None:
    mirror = {"regressed": "improved", "improved": "regressed"}
    up, down = alone(one_side(ratios, 0.01, "c")), alone(one_side([-ratio for ratio in ratios], 0.01, "c"))
    assert down[0] == mirror.get(up[0], up[0]) and down[1] == pytest.approx(-up[2])


@pytest.mark.parametrize(
    ("ratios", "kind"),
    [
        ([0.030, 0.031, 0.029, 0.030, 0.030, 0.030], "regressed"),
        ([-0.030, -0.031, -0.029, -0.030, -0.030, -0.030], "improved"),
        ([0.001, 0.002, -0.001, 0.000, 0.001, -0.002], "unchanged"),
        ([0.030, -0.031, 0.029, -0.030, 0.030, -0.030], "inconclusive"),
        ([0.0099, 0.0100, 0.0098, 0.0101, 0.0099, 0.0100], "inconclusive"),  # at the threshold itself
    ],
)
def test_four_kinds_of_decisions(ratios: list[float], kind: str) -> None:
    assert alone(one_side(ratios, 0.01, "c"))[0] == kind


def test_larger_family_needs_a_smaller_p() -> None:
    def kind(others: int) -> str:
        still = Shift(point=0.0, variance=1e-5, freedom=30, scale=1 / 6, sides=1, threshold=0.01, cluster="c")
        # Three standard errors above the threshold: p is 0.0027 alone.
        slower = Shift(LIMIT + 3 * math.sqrt(1e-5 / 6), 1e-5, 30, 1 / 6, 1, 0.01, "c")
        shifts = [slower, *[still] * others]
        return decide(shifts, [1e-5] * len(shifts), [30] * len(shifts))[0].kind

    assert stats.t.sf(3, 30) == pytest.approx(0.0027, abs=1e-4)
    assert kind(others=17) == "regressed" and kind(others=18) == "inconclusive"  # 18 × 0.0027 < 0.05 < 19 × 0.0027


def test_false_alarm_rate_on_identical_code() -> None:
    """Eight variants and a control, six processes a side, and a standard deviation of 0.9 % between processes."""
    draw, alarms, runs = np.random.default_rng(0), 0, 500
    for _ in range(runs):
        sides = draw.normal(0, 0.009, (2, 9, 6))
        shifts = [two_sides(base, new, 0.01, "c") for base, new in zip(*sides, strict=True)]
        variances, freedom = moderated_variances(shifts)
        alarms += any(decision.kind == "regressed" for decision in decide(shifts[:8], variances[:8], freedom[:8]))
    assert alarms <= 5


def test_processes_needed_by_hand() -> None:
    quiet = Shift(point=0.0, variance=1e-4, freedom=10, scale=2 / 6, sides=2, threshold=0.01, cluster="c")
    # Inside: t(16) × 1 % × √(2/9) = 2.120 × 0.4714 % > 0.995 %, and t(18) × 1 % × √(2/10) = 2.101 × 0.4472 % < 0.995 %.
    assert processes_needed(quiet, math.sqrt(1e-4 * 2 / 6), 10, 1) == 10
    slow = Shift(point=0.02, variance=4e-4, freedom=5, scale=1 / 6, sides=1, threshold=0.01, cluster="c")
    # Outside, alone: t(11) × 2 % ÷ √12 = 1.796 × 0.5774 % > 2 % − 0.995 % > t(12) × 2 % ÷ √13 = 1.782 × 0.5547 %.
    assert processes_needed(slow, math.sqrt(4e-4 / 6), 5, 1) == 13
    # In a family of ten: t(29) × 2 % ÷ √30 = 2.756 × 0.3651 % > 1.005 % > t(30) × 2 % ÷ √31 = 2.750 × 0.3592 %.
    assert processes_needed(slow, math.sqrt(4e-4 / 6), 5, 10) == 31
    near = Shift(point=LIMIT, variance=4e-4, freedom=5, scale=1 / 6, sides=1, threshold=0.01, cluster="c")
    assert processes_needed(near, math.sqrt(4e-4 / 6), 5, 1) is None


@pytest.mark.parametrize("pair", [(-0.012, 0.012), (0.0, 0.04), (0.0, 0.06)])
def test_needed_processes_suffice_for_a_decision(pair: tuple[float, float]) -> None:
    def decision(repeats: int) -> Decision:
        mean, deviation = sum(pair) / 2, (pair[1] - pair[0]) / 2
        shift = Shift(mean, deviation**2, repeats - 1, 1 / repeats, 1, 0.01, "c")
        return decide([shift], [deviation**2], [repeats - 1])[0]

    needed = decision(6).repeats
    assert needed is not None
    assert decision(needed).kind != "inconclusive" and decision(needed - 1).kind == "inconclusive"
