"""The overview table, from estimates of several runs."""

from dataclasses import replace
from typing import Any

import pytest

from bench.report.blocks import Table
from bench.report.sections.overview import has_overview, overview_table
from bench.results.accuracy import accuracy_gains
from bench.results.estimates import Comparison
from bench.results.time_verdicts import time_verdicts
from tests.bench.comparisons import comparison, control, exact, latency, top1

PLAIN = [latency("none", ()), control(), comparison("none", "complexity", "params", absolute=exact(11_689_512))]
SE = comparison("se", "complexity", "params", absolute=exact(11_776_552), difference=exact(87_040))
LATENCY = "inference latency Δ % [95 % CI]"
TOP1 = "top-1 (Δ pp [95 % CI])"


def overview(*comparisons: Comparison) -> Table | None:
    return overview_table(comparisons, accuracy_gains(comparisons), time_verdicts(comparisons, lambda member: 0.01))


def cells(heading: str, *comparisons: Comparison) -> list[str]:
    """The texts of a column, without the plain network's, the best in asterisks."""
    table = overview(*PLAIN, *comparisons)
    assert table is not None
    place = list(table.headings).index(heading)
    column = [row[place] for row in table.rows if row[1].text != "plain"]
    return [f"**{cell.text}**" if cell.best else cell.text for cell in column]


def bold(heading: str, *comparisons: Comparison) -> list[bool]:
    return [text.startswith("**") for text in cells(heading, *comparisons)]


def test_values_of_several_runs_share_a_row() -> None:
    table = overview(*PLAIN, replace(SE, run="b"), latency("se", (0.04, 0.05, 0.045)))
    assert table is not None and list(table.headings) == ["network", "module", "placement", "params (Δ)", LATENCY]
    plain, se = ([cell.text for cell in row] for row in table.rows)
    assert plain == ["CIFAR ResNet-20", "plain", "–", "11.69 M", "baseline"]
    assert se == ["CIFAR ResNet-20", "SE", "spatial", "11.78 M (+87,040)", "+4.6 % [3.3, 5.9]"]


def test_best_members_are_bold() -> None:
    modules = [
        latency("simam", (-0.030, -0.034, -0.031)),
        latency("se", (-0.031, -0.032, -0.032)),
        latency("cbam", (0.12, 0.13, 0.125)),
    ]
    assert bold(LATENCY, *modules) == [True, True, False]


def test_baseline_is_bold_if_all_modules_are_slower() -> None:
    table = overview(*PLAIN, latency("se", (0.04, 0.05, 0.045)), latency("cbam", (0.12, 0.13, 0.125)))
    assert table is not None and [row[-1].best for row in table.rows] == [True, False, False]


def test_nothing_is_bold_where_nothing_differs() -> None:
    table = overview(*PLAIN, latency("se", (0.001, -0.001, 0.0005)), top1("se", (0.01, -0.01, 0.02)), top1("none", ()))
    assert table is not None and not any(cell.best for row in table.rows for cell in row)


def test_networks_are_ranked_apart() -> None:
    simam, cbam = latency("simam", (-0.05, -0.051, -0.0505)), latency("cbam", (-0.02, -0.0201, -0.0202))
    assert bold(LATENCY, simam, cbam) == [True, False]
    apart = {**cbam.axes, "backbone": "resnet50"}
    plain = replace(latency("none", ()), axes={**apart, "attention": "none", "placement": None})
    assert bold(LATENCY, simam, replace(cbam, axes=apart), plain) == [True, True]


def test_no_bold_time_of_an_inconclusive_group() -> None:
    [cell] = cells(LATENCY, latency("simam", (-0.03, -0.03, -0.031), run="b"))
    assert cell.endswith("inconclusive") and "**" not in cell


def test_times_of_a_biased_machine_are_inconclusive() -> None:
    table = overview(PLAIN[0], PLAIN[2], control((0.03, 0.031, 0.032)), latency("se", (0.04, 0.05, 0.045)))
    assert table is not None and table.rows[1][-1].text.endswith(", inconclusive")


def test_accuracy_with_its_gain() -> None:
    # 4.303 · 0.1 ÷ √3 = 0.248
    assert cells(TOP1, top1("none", ()), top1("se", (0.01, 0.012, 0.011))) == ["**91.00 % (+1.10 [0.85, 1.35])**"]


def test_no_bold_accuracy_below_the_baseline() -> None:
    assert cells(TOP1, top1("se", (-0.01, -0.012, -0.011), mean=0.89)) == ["89.00 % (−1.10 [−1.35, −0.85])"]


def test_inconclusive_accuracies_are_marked() -> None:
    [cell] = cells(TOP1, top1("se", (0.01, -0.01, 0.02)))
    assert cell.endswith("), inconclusive")


def test_first_conditions_without_the_usual_ones() -> None:
    graph = latency("se", (0.1, 0.11), execution="graph", backbone="resnet50")
    assert "+11.1 %" in cells(LATENCY, graph)[-1]


@pytest.mark.parametrize("unusual", [{"execution": "compile"}, {"dtype": "bf16"}, {"memory_format": "channels_last"}])
def test_usual_conditions_come_first(unusual: dict[str, Any]) -> None:
    later, first = latency("se", (0.7, 0.7), batch=32), latency("se", (0.1, 0.11))
    [cell] = cells(LATENCY, latency("se", (0.5, 0.5), **unusual), first, later)
    assert "+11.1 %" in cell


def test_one_measure_has_no_overview() -> None:
    times = [PLAIN[0], latency("se", (0.1, 0.1))]
    assert overview(*times) is None and not has_overview(times)
    assert overview(*times, SE) is not None and has_overview([*times, SE])


def test_records_behind_the_table() -> None:
    table = overview(*PLAIN, replace(SE, run="b"), latency("se", (0.04, 0.05), repeats=2))
    assert table is not None and table.records == "3 of latency, 1 of complexity in a; 1 of complexity in b"


def test_variants_without_baseline() -> None:
    table = overview(PLAIN[2], latency("se", ()), latency("cbam", ()))
    assert table is not None and [row[-1].text for row in table.rows[1:]] == ["–"] * 2
    assert [row[-1].number for row in table.rows[1:]] == [None, None]


def test_columns_are_sorted_by_numbers() -> None:
    table = overview(*PLAIN, SE, latency("se", (0.0, 0.0)))
    assert table is not None
    assert [[cell.number for cell in row] for row in table.rows] == [
        [None, None, None, 11_689_512, 0.0],
        [None, None, None, 11_776_552, 0.0],
    ]
