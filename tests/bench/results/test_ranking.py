"""The best variants, against scipy's paired t test."""

import pytest
from scipy import stats

from bench.results.ranking import best_variants
from tests.bench.comparisons import latency, top1

SIMAM = latency("simam", (0.030, 0.034, 0.031))


def test_best_and_its_equals() -> None:
    se = latency("se", (0.031, 0.032, 0.032))  # on average 0.0000 away, now above and now below
    cbam = latency("cbam", (0.12, 0.13, 0.125))
    assert best_variants([SIMAM, se, cbam], "lower") in ([SIMAM, se], [se, SIMAM])
    assert best_variants([SIMAM, se, cbam], "higher") == [cbam]


def test_holm_over_the_other_variants() -> None:
    other = (0.0320, 0.0352, 0.0324)
    assert stats.ttest_rel(SIMAM.per_process, other).pvalue == pytest.approx(0.024, abs=5e-4)
    others = [latency(f"simam(e_lambda={number})", other) for number in (0.1, 0.01, 0.001, 1e-5, 1e-6)]
    assert best_variants([SIMAM, others[0]], "lower") == [SIMAM]  # p = 0.024
    assert best_variants([SIMAM, *others], "lower") == [SIMAM, *others]  # p = 0.12


def test_variants_measured_apart_are_equals() -> None:
    apart = latency("cbam", (0.12, 0.13, 0.125), run="b")
    assert best_variants([SIMAM, apart], "lower") == [SIMAM, apart]


def test_variants_with_other_seeds_are_equals() -> None:
    one = top1("se", (0.010, 0.011, 0.012), seeds=(0, 1, 2))
    other = top1("cbam", (0.021, 0.022, 0.023), seeds=(1, 2, 3))
    assert best_variants([one, other], "higher") == [other, one]
