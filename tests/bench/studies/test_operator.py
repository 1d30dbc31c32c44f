"""The report of the fused operator, and its geometric mean."""

import math
from pathlib import Path

import pytest

from bench.studies.cases import read_cases, read_study_facts
from bench.studies.operator import COMMANDS, geometric_mean, operator_cases, render_operator_report
from tests.bench.studies.pages import REPORTS, assert_numbers_agree


@pytest.mark.parametrize("folder", sorted(REPORTS.glob("fused*")), ids=lambda path: path.name)
def test_committed_report(folder: Path) -> None:
    assert_numbers_agree(render_operator_report(folder), folder, COMMANDS[read_study_facts(folder)["device"]])


@pytest.mark.parametrize("folder", sorted(REPORTS.glob("fused*")), ids=lambda path: path.name)
def test_committed_records_are_complete(folder: Path) -> None:
    assert list(read_cases(folder / "operator.jsonl")) == list(
        map(str, operator_cases(read_study_facts(folder)["device"]))
    )


def test_geometric_mean_of_independent_ratios() -> None:
    # Four ratios of e^2 ± e^0.4, three processes each: the standard error is 0.4 ÷ 4.3027, that of the mean half of it;
    # t(8) = 2.3060.
    ratio = {"point": math.exp(2), "low": math.exp(1.6), "high": math.exp(2.4)}
    mean = geometric_mean([ratio] * 4, freedom=2)
    half = 2.3060 * 0.4 / 4.3027 / 2
    assert math.log(mean["point"]) == pytest.approx(2)
    assert math.log(mean["low"]) == pytest.approx(2 - half, abs=1e-4)
    assert math.log(mean["high"]) == pytest.approx(2 + half, abs=1e-4)
    # With infinite degrees of freedom, both quantiles are normal and cancel.
    assert math.log(geometric_mean([ratio] * 4, math.inf)["high"]) == pytest.approx(2.2)
