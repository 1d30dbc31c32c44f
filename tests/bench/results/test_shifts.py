import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import polygamma

from bench.results.shifts import Decision, Shift, Side, decide, detection_power, spreads_of
from bench.results.statistics import ProcessEstimate, _inverse_trigamma, between_correlation, holm, moderate

LIMIT = math.log(1.01)


def shift(*sides: Sequence[float], cluster: str = "c") -> Shift:
    """A shift with these log ratios of each process on each side, all known without error."""
    return Shift(tuple(Side([ProcessEstimate(log, 0.0) for log in logs]) for logs in sides), 0.01, cluster)


def alone(*sides: Sequence[float]) -> Decision:
    """The decision on a shift that is compared with no other."""
    [decision] = decide([shift(*sides)])
    return decision


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
    decision = alone(ratios)
    bounds = stats.t.interval(0.95, len(ratios) - 1, loc=np.mean(ratios), scale=stats.sem(ratios))
    assert (decision.low, decision.high) == pytest.approx(bounds, rel=1e-6, abs=1e-9)
    worse = stats.ttest_1samp(ratios, LIMIT, alternative="greater").pvalue
    better = stats.ttest_1samp(ratios, -LIMIT, alternative="less").pvalue
    assert decision.p == pytest.approx(worse if np.mean(ratios) > 0 else better, rel=1e-6, abs=1e-9)
    assert (decision.kind == "regressed") == (worse < 0.05) and (decision.kind == "improved") == (better < 0.05)


@given(scattered, scattered)
def test_two_sides_equal_scipys_welch_test(base: list[float], new: list[float]) -> None:
    decision = alone(base, new)
    test = stats.ttest_ind(new, base, equal_var=False)
    bounds = test.confidence_interval(0.95)
    assert (decision.low, decision.high) == pytest.approx((bounds.low, bounds.high), rel=1e-6, abs=1e-9)
    worse = stats.ttest_ind([ratio - LIMIT for ratio in new], base, alternative="greater", equal_var=False).pvalue
    assert (decision.kind == "regressed") == (worse < 0.05)


def test_imprecise_process_weighs_less() -> None:
    processes = [ProcessEstimate(0.0, 0.001)] * 5 + [ProcessEstimate(-1.0, 5.0)]
    assert Side(processes).point == pytest.approx(0.0, abs=1e-4)


def test_sides_are_moderated_separately() -> None:
    """A noisy side does not widen the variance of the other."""
    quiet, noisy = (0.0, 0.001, -0.001, 0.0), (0.0, 0.1, -0.1, 0.0)
    shifts = [shift(quiet, noisy, cluster=str(number)) for number in range(4)]
    for spread in spreads_of(shifts):
        assert spread.variances == pytest.approx((np.var(quiet, ddof=1), np.var(noisy, ddof=1)))
        assert spread.freedom == pytest.approx((12, 12))


def test_shared_baseline_reduces_the_joint_freedom() -> None:
    base = np.asarray([0.0, 0.01, -0.01, 0.02, -0.02, 0.0])
    same = [shift(base + offset) for offset in (0.0, 0.1)]  # correlation 1: as many degrees of freedom as one
    assert spreads_of(same)[0].freedom == pytest.approx((5,))
    apart = [shift(base + offset, cluster=str(offset)) for offset in (0.0, 0.1)]
    assert spreads_of(apart)[0].freedom == pytest.approx((10,))


def test_correlation_of_ratios_to_one_baseline() -> None:
    draw = np.random.default_rng(0)
    baseline, variants = draw.normal(size=20_000), draw.normal(size=(4, 20_000))
    assert between_correlation((variants - baseline).tolist()) == pytest.approx(0.5, abs=0.02)
    assert between_correlation(variants.tolist()) == pytest.approx(0.0, abs=0.02)
    assert between_correlation([[0.0, 1.0]]) == 0.0
    assert between_correlation([[0.0, 0.0], [1.0, 1.0]]) == 1.0  # no spread


@given(scattered)
def test_decisions_are_symmetric(ratios: list[float]) -> None:
    mirror = {"regressed": "improved", "improved": "regressed"}
    up, down = alone(ratios), alone([-ratio for ratio in ratios])
    assert down.kind == mirror.get(up.kind, up.kind) and down.low == pytest.approx(-up.high)


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
    assert alone(ratios).kind == kind


def test_larger_family_needs_a_smaller_p() -> None:
    draw = np.random.default_rng(1)
    noise = draw.normal(0, 0.004, 31)
    noise -= noise.mean()
    error = float(noise.std(ddof=1)) / math.sqrt(31)
    slower = noise + LIMIT + 3 * error  # three standard errors above the threshold: p is 0.0027 alone
    assert stats.t.sf(3, 30) == pytest.approx(0.0027, abs=1e-4)

    def kind(others: int) -> str:
        # The same noise with the other sign has the same variance and correlates perfectly.
        return decide([shift(slower), *[shift(-noise) for _ in range(others)]])[0].kind

    assert kind(others=10) == "regressed" and kind(others=25) == "inconclusive"


def test_false_alarm_rate_on_identical_code() -> None:
    """Eight variants, six processes on each side, and a standard deviation of 0.9 % between processes."""
    draw, alarms, runs = np.random.default_rng(0), 0, 100
    for _ in range(runs):
        shifts = [shift(*sides) for sides in draw.normal(0, 0.009, (8, 2, 6))]
        alarms += any(decision.kind == "regressed" for decision in decide(shifts))
    assert alarms <= 1


def test_detection_power_equals_statsmodels_formula() -> None:
    """Cohen 1988, table 2.3.2: one-sided 0.05, d = 0.50, n = 27 for one sample has a power of about 0.82."""
    assert detection_power(0.5 * math.sqrt(27), 26, 1) == pytest.approx(0.81, abs=0.01)


@pytest.mark.parametrize("excess", [0.006, 0.01])
def test_needed_processes_detect_with_80_percent_power(excess: float) -> None:
    """By simulation of the t test with the suggested number of processes."""
    deviation, draw = 0.02, np.random.default_rng(0)
    pattern = np.asarray([1.0, -1.0, 1.0, -1.0, 1.0, -1.0]) * deviation * math.sqrt(5 / 6)
    needed = alone(LIMIT + excess + pattern).processes
    assert needed is not None
    tests = stats.ttest_1samp(draw.normal(LIMIT + excess, deviation, (20_000, needed)), LIMIT, 1, alternative="greater")
    assert np.mean(tests.pvalue < 0.05) == pytest.approx(0.8, abs=0.04)


def test_needed_processes_show_equivalence_with_80_percent_power() -> None:
    deviation, draw = 0.02, np.random.default_rng(0)
    pattern = np.asarray([1.0, -1.0, 1.0, -1.0, 1.0, -1.0]) * deviation * math.sqrt(5 / 6)
    needed = alone(pattern).processes
    assert needed is not None
    samples = draw.normal(0, deviation, (20_000, needed))
    reach = stats.t.ppf(0.975, needed - 1) * samples.std(axis=1, ddof=1) / math.sqrt(needed)
    assert np.mean(np.abs(samples.mean(axis=1)) + reach < LIMIT) == pytest.approx(0.8, abs=0.03)


def test_change_at_the_threshold_needs_too_many_processes() -> None:
    pattern = np.asarray([1.0, -1.0, 1.0, -1.0, 1.0, -1.0]) * 0.02
    assert alone(LIMIT + pattern).processes is None


def test_detectable_slowdown_is_detected_with_80_percent_power() -> None:
    deviation, draw, count = 0.005, np.random.default_rng(0), 6
    pattern = np.asarray([1.0, -1.0, 1.0, -1.0, 1.0, -1.0]) * deviation * math.sqrt(5 / 6)
    slowdown = alone(pattern).detectable
    tests = stats.ttest_1samp(draw.normal(slowdown, deviation, (20_000, count)), LIMIT, 1, alternative="greater")
    assert np.mean(tests.pvalue < 0.05) == pytest.approx(0.8, abs=0.02)
