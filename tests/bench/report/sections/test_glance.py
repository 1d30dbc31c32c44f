"""The table at a glance, from estimates of several runs."""

from dataclasses import replace
from typing import Any

import pytest

from bench.report.blocks import Table, TableCell
from bench.report.sections.glance import glance_table, without_constant_columns
from bench.results.accuracy import accuracy_gains
from bench.results.estimates import Comparison
from bench.results.time_verdicts import time_verdicts
from tests.bench.comparisons import comparison, control, exact, latency, top1

PLAIN = [latency("none", ()), control(), comparison("none", "complexity", "params", absolute=exact(11_689_512))]
SE = comparison("se", "complexity", "params", absolute=exact(11_776_552), difference=exact(87_040))
LATENCY = "latency (Δ % [95 % CI])"
TOP1 = "top-1 (Δ pp [95 % CI])"
PARAMS = "params (Δ)"


def at_a_glance(*comparisons: Comparison) -> Table:
    times = time_verdicts(comparisons, lambda member: 0.01)
    table = glance_table(comparisons, accuracy_gains(comparisons), times)
    assert table is not None
    return table


def column(table: Table, heading: str) -> list[str]:
    """The texts of a column, the best in asterisks."""
    cells = table.column(list(table.headings).index(heading))
    return [f"**{cell.text}**" if cell.best else cell.text for cell in cells]


def bold(heading: str, *comparisons: Comparison) -> list[bool]:
    """Whether each row but the first is marked."""
    return [text.startswith("**") for text in column(at_a_glance(*PLAIN, *comparisons), heading)[1:]]


def test_values_of_several_runs_share_a_row() -> None:
    table = at_a_glance(*PLAIN, replace(SE, run="b"), latency("se", (0.04, 0.05, 0.045)))
    assert list(table.headings) == ["network", "module", LATENCY, PARAMS, "verdict"]
    plain, se = ([cell.text for cell in row] for row in table.rows)
    assert plain == ["CIFAR ResNet-20, inference", "plain", "1 s", "11.69 M", "baseline"]
    assert se == ["CIFAR ResNet-20, inference", "SE", "1 s (+4.6 % [3.3, 5.9])", "11.78 M (+87,040)", "slower"]


@pytest.mark.parametrize(
    ("logs", "verdict"),
    [
        ((0.04, 0.05, 0.045), "slower"),
        ((-0.04, -0.05, -0.045), "faster"),
        ((0.001, -0.001, 0.0), "no difference beyond ±1 %"),
        ((0.012, 0.0, 0.006), "inconclusive at ±1 %"),
        ((0.04,), "inconclusive (too few processes)"),
    ],
)
def test_verdicts_on_times(logs: tuple[float, ...], verdict: str) -> None:
    assert column(at_a_glance(*PLAIN, latency("se", logs)), "verdict") == ["baseline", verdict]


def test_verdicts_of_both_modes_and_of_the_accuracy() -> None:
    training = [replace(member, group="t", axes={**member.axes, "mode": "training"}) for member in PLAIN[:2]]
    members = [
        *PLAIN,
        *training,
        latency("se", (0.04, 0.05, 0.045)),
        latency("se", (0.001, -0.001, 0.0), group="t", mode="training"),
        top1("none", ()),
        top1("se", (0.01, 0.012, 0.011)),
    ]
    table = at_a_glance(*members)
    assert [heading for heading in table.headings if "latency" in heading] == [
        "inference latency (Δ % [95 % CI])",
        "training latency (Δ % [95 % CI])",
    ]
    assert column(table, "verdict")[1] == "more accurate; inference: slower; training: no difference beyond ±1 %"


def test_at_most_eight_columns() -> None:
    values = [comparison("se", "memory", name, absolute=exact(1)) for name in ("saved_bytes", "peak_bytes")]
    values += [
        comparison("se", "complexity", name, absolute=exact(1), mode="inference")
        for name in ("macs", "elementwise_ops", "bytes_moved")
    ]
    table = at_a_glance(*PLAIN, SE, latency("se", (0.04, 0.05)), top1("none", ()), top1("se", (0.01, 0.02)), *values)
    assert [heading.partition(" (")[0] for heading in table.headings] == [
        "network",
        "module",
        "top-1",
        "latency",
        "params",
        "MACs",
        "saved activations in training",
        "verdict",
    ]


def test_placement_is_named_if_it_varies() -> None:
    one, other = (latency("se", (0.04, 0.05), placement=place, cell=place) for place in ("spatial", "branch_end"))
    assert column(at_a_glance(*PLAIN, one), "module") == ["plain", "SE"]
    assert column(at_a_glance(*PLAIN, one, other), "module") == ["plain", "SE at spatial", "SE at branch_end"]


def test_constant_columns_become_a_caption() -> None:
    plain = comparison("none", "complexity", "params", absolute=exact(100))
    simam = comparison("simam", "complexity", "params", absolute=exact(100), difference=exact(0))
    table = at_a_glance(*PLAIN[:2], plain, simam, latency("simam", (0.04, 0.05)))
    caption, shown = without_constant_columns(table)
    assert caption == "All rows: CIFAR ResNet-20, inference; params 100."
    assert list(shown.headings) == ["module", LATENCY, "verdict"]
    varied = Table(["network", "verdict"], [[TableCell("a"), TableCell("v")], [TableCell("b"), TableCell("v")]])
    assert without_constant_columns(varied) == ("", varied)


def test_counts_alone_have_no_verdicts() -> None:
    plain = comparison("none", "complexity", "params", absolute=exact(100))
    se = comparison("se", "complexity", "params", absolute=exact(101), difference=exact(1))
    _, shown = without_constant_columns(at_a_glance(plain, se))
    assert list(shown.headings) == ["module", PARAMS]


def test_times_of_several_baselines_are_not_constant() -> None:
    plain = replace(latency("none", ()), absolute=exact(1))
    other = replace(plain, axes={**plain.axes, "backbone": "resnet18"}, absolute=exact(4))
    caption, shown = without_constant_columns(at_a_glance(plain, other))
    assert LATENCY in shown.headings and "latency" not in caption


def test_only_shared_conditions_are_named() -> None:
    plain = [latency("none", (), batch=1), latency("none", (), batch=32, mode="training", group="t")]
    modules = [latency("se", (0.04, 0.05), batch=1), latency("se", (0.1, 0.11), batch=32, mode="training", group="t")]
    assert set(column(at_a_glance(*plain, *modules), "network")) == {"CIFAR ResNet-20"}


def test_members_of_another_run_are_not_ranked() -> None:
    apart = latency("cbam", (-0.3, -0.31, -0.305), run="b")
    table = at_a_glance(*PLAIN, latency("se", (0.04, 0.05, 0.045)), apart)
    assert [text.startswith("**") for text in column(table, LATENCY)] == [True, False, False]


def test_best_members_are_bold() -> None:
    modules = [
        latency("simam", (-0.030, -0.034, -0.031)),
        latency("se", (-0.031, -0.032, -0.032)),
        latency("cbam", (0.12, 0.13, 0.125)),
    ]
    assert bold(LATENCY, *modules) == [True, True, False]


def test_baseline_is_bold_if_all_modules_are_slower() -> None:
    table = at_a_glance(*PLAIN, latency("se", (0.04, 0.05, 0.045)), latency("cbam", (0.12, 0.13, 0.125)))
    assert [text.startswith("**") for text in column(table, LATENCY)] == [True, False, False]


def test_nothing_is_bold_where_nothing_differs() -> None:
    near = [latency("se", (0.001, -0.001, 0.0005)), top1("se", (0.01, -0.01, 0.02)), top1("none", ())]
    assert not any(cell.best for row in at_a_glance(*PLAIN, *near).rows for cell in row)


def test_networks_are_ranked_apart() -> None:
    simam, cbam = latency("simam", (-0.05, -0.051, -0.0505)), latency("cbam", (-0.02, -0.0201, -0.0202))
    assert bold(LATENCY, simam, cbam) == [True, False]
    apart = {**cbam.axes, "backbone": "resnet50"}
    plain = replace(latency("none", ()), axes={**apart, "attention": "none", "placement": None})
    table = at_a_glance(*PLAIN, simam, plain, replace(cbam, axes=apart))
    assert [text.startswith("**") for text in column(table, LATENCY)] == [False, True, False, True]


def test_no_bold_time_of_an_inconclusive_group() -> None:
    faster = latency("simam", (-0.03, -0.03, -0.031))
    table = at_a_glance(PLAIN[0], control((0.03, 0.031, 0.032)), faster)
    assert column(table, "verdict")[1] == "inconclusive (the machine is biased)"
    assert not any(cell.best for row in table.rows for cell in row)


def test_accuracy_with_its_gain() -> None:
    # 4.303 · 0.1 ÷ √3 = 0.248
    table = at_a_glance(top1("none", ()), top1("se", (0.01, 0.012, 0.011)))
    assert column(table, TOP1) == ["91.00 %", "**91.00 % (+1.10 [0.85, 1.35])**"]
    assert column(table, "verdict") == ["baseline", "more accurate"]


def test_lower_accuracy_is_not_bold() -> None:
    table = at_a_glance(top1("none", ()), top1("se", (-0.01, -0.012, -0.011), mean=0.89))
    assert column(table, TOP1) == ["**91.00 %**", "89.00 % (−1.10 [−1.35, −0.85])"]
    assert column(table, "verdict")[1] == "less accurate"


def test_accuracy_without_a_significant_difference() -> None:
    gain, loss = top1("se", (0.01, -0.01, 0.02)), top1("cbam", (-0.01, 0.01, -0.02))
    assert column(at_a_glance(top1("none", ()), gain, loss), "verdict") == [
        "baseline",
        "no significant gain",
        "no significant loss",
    ]


def test_first_conditions_without_the_usual_ones() -> None:
    graph = latency("se", (0.1, 0.11), execution="graph", backbone="resnet50")
    table = at_a_glance(*PLAIN, graph)
    assert "+11.1 %" in column(table, LATENCY)[-1] and column(table, "network")[-1] == "ResNet-50, inference, graph"


@pytest.mark.parametrize("unusual", [{"execution": "compile"}, {"dtype": "bf16"}, {"memory_format": "channels_last"}])
def test_usual_conditions_come_first(unusual: dict[str, Any]) -> None:
    later, first = latency("se", (0.7, 0.7), batch=32), latency("se", (0.1, 0.11), batch=1)
    table = at_a_glance(latency("se", (0.5, 0.5), **unusual), first, later, latency("none", (), batch=1))
    assert any("+11.1 %" in text for text in column(table, LATENCY))


def test_no_table_without_its_values() -> None:
    mine = [comparison(name, "mine", "weight", absolute=exact(1)) for name in ("none", "se")]
    assert glance_table(mine, [], []) is None
    assert glance_table(PLAIN[:1], [], []) is None  # a single row compares nothing


def test_records_behind_the_table() -> None:
    table = at_a_glance(*PLAIN, replace(SE, run="b"), latency("se", (0.04, 0.05), repeats=2))
    assert table.records == "3 of latency, 1 of complexity in a; 1 of complexity in b"


def test_variant_without_a_ratio() -> None:
    table = at_a_glance(*PLAIN, latency("se", ()), latency("cbam", ()))
    assert column(table, LATENCY)[1:] == ["1 s"] * 2 and column(table, "verdict")[1:] == ["–"] * 2
    assert [cell.number for cell in table.column(list(table.headings).index(LATENCY))] == [0.0, None, None]
