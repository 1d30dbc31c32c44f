"""The best members of a group, against scipy's paired t test."""

import pytest
from scipy import stats

from bench.results.ranking import best_members
from tests.bench.comparisons import latency, top1

SIMAM = latency("simam", (0.030, 0.034, 0.031))
PLAIN = latency("none", ())
FAR = latency("mine:Far", (0.5, 0.51, 0.505))
"""A member that is worse than all others, since nothing is best where nothing differs."""


def test_best_and_its_equals() -> None:
    se = latency("se", (0.031, 0.032, 0.032))  # on average 0.0000 away, now above and now below
    cbam = latency("cbam", (0.12, 0.13, 0.125))
    assert best_members([SIMAM, se, cbam], "lower") in ([SIMAM, se], [se, SIMAM])
    assert best_members([SIMAM, se, cbam], "higher") == [cbam]


def test_nothing_is_best_where_nothing_differs() -> None:
    se = latency("se", (0.031, 0.032, 0.032))
    assert best_members([SIMAM, se], "lower") == []
    assert best_members([SIMAM], "lower") == []


def test_baseline_is_ranked() -> None:
    faster = latency("mine:Fast", (-0.030, -0.034, -0.031))
    assert best_members([PLAIN, SIMAM], "lower") == [PLAIN]
    assert best_members([PLAIN, SIMAM, faster], "lower") == [faster]
    near = latency("eca", (0.001, -0.001, 0.0005))
    assert best_members([PLAIN, near, SIMAM], "lower") == [PLAIN, near]


def test_differences_within_the_margin_do_not_count() -> None:
    slower = latency("se", (0.041, 0.0451, 0.0419))  # 1.1 % more than SimAM
    assert best_members([SIMAM, slower, FAR], "lower") == [SIMAM]
    assert best_members([SIMAM, slower, FAR], "lower", margin=0.012) == [SIMAM, slower]


def test_margin_shifts_the_test() -> None:
    other = (0.0520, 0.0552, 0.0524)
    p = stats.ttest_rel([one - 0.02 for one in other], SIMAM.per_process).pvalue
    assert p == pytest.approx(0.024, abs=5e-4)
    assert best_members([SIMAM, latency("se", other), FAR], "lower", margin=0.02) == [SIMAM]
    # With half of the distance, p is above 0.05.
    assert stats.ttest_rel([one - 0.021 for one in other], SIMAM.per_process).pvalue > 0.05
    assert len(best_members([SIMAM, latency("se", other), FAR], "lower", margin=0.021)) == 2


def test_holm_over_the_other_members() -> None:
    other = (0.0320, 0.0352, 0.0324)
    assert stats.ttest_rel(SIMAM.per_process, other).pvalue == pytest.approx(0.024, abs=5e-4)
    others = [latency(f"simam(e_lambda={number})", other) for number in (0.1, 0.01, 0.001, 1e-5, 1e-6)]
    assert best_members([SIMAM, others[0]], "lower") == [SIMAM]  # p = 0.024
    assert best_members([SIMAM, *others, FAR], "lower") == [SIMAM, *others]  # p = 0.14


def test_nothing_is_best_if_a_member_cannot_be_tested() -> None:
    apart = latency("cbam", (0.12, 0.13, 0.125), run="b")
    assert best_members([SIMAM, apart, FAR], "lower") == []
    one = top1("se", (0.010, 0.011, 0.012), seeds=(0, 1, 2))
    other = top1("cbam", (0.021, 0.022, 0.023), seeds=(1, 2, 3))
    assert best_members([one, other], "higher") == []
    equal = top1("eca", (0.01, 0.01, 0.01), seeds=(0, 1, 2))  # every seed the same: the spread is unknown
    assert best_members([top1("none", ()), equal], "higher") == []
