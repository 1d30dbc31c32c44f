"""Sentences on latencies whose changes are known."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.report.data import analyse
from bench.report.sections.latency import control_sentences, latency_sentences
from bench.store.record import MeasuredRecord
from tests.bench.report.timed_run import report_data, timed_records, with_axes
from tests.factories import stored_run

CHANGE = re.compile(r"[+−]?[\d.]+ % \[[^]]*\]")


def sentences(*runs: Sequence[MeasuredRecord]) -> list[str]:
    data = report_data(*runs)
    return list(latency_sentences(data.costs, data.times))


def test_slower_variant() -> None:
    [sentence] = sentences(timed_records({"simam": 1.061}))
    assert "SimAM adds" in sentence and CHANGE.findall(sentence) == ["6.1 % [6.1, 6.1]"]
    assert "plain ResNet-18" in sentence and "inconclusive" not in sentence


def test_faster_variant() -> None:
    [sentence] = sentences(timed_records({"simam": 0.9}))
    assert "SimAM reduces" in sentence and CHANGE.findall(sentence) == ["10.0 % [10.0, 10.0]"]


def test_bounds_of_a_faster_variant_are_in_order() -> None:
    [sentence] = sentences(timed_records({"simam": (0.89, 0.90, 0.91, 0.90, 0.90)}))
    [(low, high)] = re.findall(r"\[([\d.]+), ([\d.]+)\]", sentence)
    assert 9 <= float(low) < 10 < float(high) <= 11


def test_no_difference_beyond_the_resolution() -> None:
    [sentence] = sentences(timed_records({"simam": (1.002, 0.998, 1.002, 0.998, 1.002)}))
    assert "no difference beyond ±1 %" in sentence and "adds" not in sentence
    [change] = CHANGE.findall(sentence)
    assert change.startswith("+0.0 % [−")


def test_one_sentence_for_each_direction() -> None:
    equal = (1.002, 0.998, 1.002, 0.998, 1.0)
    slow, fast = {"se": 1.02, "cbam": 1.3, "eca": 1.011}, {"simam": 0.9, "mine:A": 0.8}
    slower, faster, same = sentences(timed_records({**slow, **fast, "mine:B": equal, "mine:C": equal}))
    assert CHANGE.findall(slower) == ["1.1 % [1.1, 1.1]", "30.0 % [30.0, 30.0]"]  # the smallest and the largest
    assert re.findall("SE|CBAM|ECA|SimAM", slower) == ["SE", "CBAM", "ECA", "ECA", "CBAM"]
    assert CHANGE.findall(faster) == ["10.0 % [10.0, 10.0]", "20.0 % [20.0, 20.0]"]
    assert same.startswith("B and C show no difference") and len(CHANGE.findall(same)) == 2


def test_groups_have_sentences_of_their_own() -> None:
    other = [with_axes(record, cell="/other", group="/other") for record in timed_records({"simam": 1.5})]
    results = sentences([*timed_records({"simam": 1.05}), *other])
    assert [CHANGE.findall(sentence) for sentence in results] == [["5.0 % [5.0, 5.0]"], ["50.0 % [50.0, 50.0]"]]


def test_too_few_processes_for_an_interval() -> None:
    [sentence] = sentences(timed_records({"se": 1.1, "eca": 1.2}, control=None, processes=1))
    assert CHANGE.findall(sentence) == ["+10.0 % [no interval]", "+20.0 % [no interval]"]
    assert "inconclusive" in sentence


def test_compared_conditions_are_named() -> None:
    compiled = [
        with_axes(record, cell="/compile", attention="none", placement=None, execution="compile")
        if record.role == "variant"
        else record
        for record in timed_records({"simam": 0.8})
    ]
    [sentence] = sentences(compiled)
    finding, _, shared = sentence.rpartition(" (")
    assert "with compile" in finding and "eager" in finding
    assert "compile" not in shared and "eager" not in shared and "inference" in shared


@pytest.mark.parametrize(("control", "cause"), [(1.0, None), (1.02, "biased"), (None, "no A/A control")])
def test_cause_of_an_inconclusive_group(control: float | None, cause: str | None) -> None:
    [sentence] = sentences(timed_records(control=control))
    assert ("inconclusive" in sentence) == (cause is not None) and (cause or "adds") in sentence


def test_resolution_of_an_inconclusive_variant() -> None:
    [sentence] = sentences(timed_records({"simam": (1.005, 1.012, 1.01, 1.007, 1.012)}))
    assert "inconclusive at ±1 %" in sentence and "+0.9 % [0.5, 1.3]" in sentence


def test_range_of_disagreeing_processes() -> None:
    [sentence] = sentences(timed_records({"simam": (1.02, 1.02, 1.02, 1.2, 1.2)}))
    # Student's interval of these five is −2.5 to 21.6 %, wider than the range from 2 to 20 %.
    assert "inconclusive" in sentence and "[−2.5, 21.6] (range)" in sentence and "disagree" in sentence
    [certain] = sentences(timed_records({"simam": (1.30, 1.31, 1.30, 1.40, 1.41)}))
    assert "adds" in certain and "(range)" in certain


def test_results_of_controls() -> None:
    data = report_data(timed_records(control=1.0), timed_records(control=1.02))
    good, biased = control_sentences(data.costs, data.threshold)
    assert "+0.00 % [0.00, 0.00]" in good and "biased" not in good and "±1 %" in good
    assert "+2.00 % [2.00, 2.00]" in biased and "±2 %, biased" in biased


def test_each_run_has_its_own_threshold() -> None:
    runs = [
        stored_run(Path(name), timed_records(control=1.02), gate={"latency_ratio": threshold})
        for name, threshold in (("a", 0.03), ("b", 0.01))
    ]
    data = analyse(runs)
    results = list(latency_sentences(data.costs, data.times))
    assert ["inconclusive" in sentence for sentence in results] == [False, True]
