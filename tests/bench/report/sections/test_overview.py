"""The one table, from invented figures of several runs."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bench.report.blocks import Table
from bench.report.sections.overview import conflicts
from bench.report.sections.overview import overview as build
from bench.results.estimates import Comparison
from bench.store.frame import AXES
from bench.results.accuracy import gains
from bench.results.statistics import Estimate, ratio_of


def exact(number: int) -> Estimate:
    return Estimate(number, number, number, "exact")


def each(attention: str, measure: str, value: str, unit: str, run: str = "a", **other: Any) -> Comparison:
    axes: dict[str, Any] = dict.fromkeys(AXES)
    axes |= {
        "backbone": "cifar_resnet20",
        "attention": attention,
        "placement": None if attention == "none" else "spatial",
    }
    axes |= {key: other.pop(key) for key in list(other) if key in AXES}
    role = "baseline" if attention == "none" else "variant"
    made = Comparison(
        run,
        measure,
        "g",
        f"resnet18/{attention}",
        role,
        axes,
        value,
        unit,
        exact(1),
        None,
        None,
        1,
        (None,),
        (),
        (),
        0,
        {},
    )
    return replace(made, **other)


def latency(attention: str, logs: Sequence[float], **other: Any) -> Comparison:
    ratio = ratio_of(logs) if logs else None
    return each(attention, "latency", "latency", "s", ratio=ratio, figures=tuple(logs), mode="inference", **other)


CONTROL = latency("none", (0.0, 0.001, -0.001), role="control")
PLAIN = [latency("none", ()), CONTROL, each("none", "complexity", "params", "1", absolute=exact(11_689_512))]
SE = each("se", "complexity", "params", "1", absolute=exact(11_776_552), difference=exact(87_040))


def overview(comparisons: Sequence[Comparison], thresholds: dict[str, float]) -> Table | None:
    return build(comparisons, gains(comparisons), lambda each: thresholds[each.run])


def rows(*comparisons: Comparison) -> list[list[str]]:
    """Headings, and what stands in the rows, the best in asterisks."""
    table = overview([*PLAIN, *comparisons], {"a": 0.01, "b": 0.01})
    assert table is not None
    return [
        list(table.headings),
        *([f"**{cell.text}**" if cell.best else cell.text for cell in row] for row in table.rows),
    ]


def test_values_of_several_runs_stand_in_one_row() -> None:
    head, plain, se = rows(replace(SE, run="b"), latency("se", (0.04, 0.05, 0.045)))
    assert head == ["network", "module", "placement", "params (Δ)", "inference × [95 %]"]
    assert plain == ["CIFAR ResNet-20", "plain", "–", "11.69 M", "baseline"]
    assert se[:4] == ["CIFAR ResNet-20", "SE", "spatial", "11.78 M (+87,040)"]
    assert se[4].startswith("**×1.046 [")


def test_the_best_is_marked_and_what_cannot_be_told_from_it() -> None:
    table = rows(
        latency("simam", (0.030, 0.034, 0.031)),
        latency("se", (0.031, 0.032, 0.032)),  # on average 0.0000 away, now above and now below
        latency("cbam", (0.12, 0.13, 0.125)),
    )
    assert [row[-1].startswith("**") for row in table[2:]] == [True, True, False]


def test_what_was_not_measured_together_is_not_told_apart() -> None:
    there = latency("cbam", (0.12, 0.13, 0.125), run="b")
    table = rows(latency("simam", (0.03, 0.03, 0.031)), there, replace(CONTROL, run="b"))
    assert [row[-1].startswith("**") for row in table[2:]] == [True, True]


def test_no_time_is_the_best_without_a_control_that_passes() -> None:
    [*_, row] = rows(latency("simam", (0.03, 0.03, 0.031), run="b"))
    assert row[-1].endswith("inconclusive") and "**" not in row[-1]


def test_a_network_that_was_never_run_as_usual_is_shown_as_it_was() -> None:
    graph = latency("se", (0.1, 0.11), execution="graph", backbone="resnet50")
    assert "×1.111" in rows(graph)[-1][-1]


def test_of_several_conditions_the_first_is_shown_and_unusual_ones_are_not() -> None:
    compiled = latency("se", (0.5, 0.5), execution="compile")
    later = latency("se", (0.7, 0.7), batch=32)
    first = latency("se", (0.1, 0.11))
    assert "×1.111" in rows(compiled, first, later)[2][-1]


def test_accuracy_is_a_share_with_points_against_the_baseline() -> None:
    top1 = each(
        "se", "accuracy", "top1", "1", absolute=Estimate(0.91, 0.9, 0.92, "t"), differences=(0.01, 0.012, 0.011)
    )
    assert rows(top1)[2][-1] == "**91.00 % (+1.10 [0.85, 1.35])**"  # 4.303 · 0.1 ÷ √3 = 0.248


def test_one_measure_alone_needs_no_overview() -> None:
    assert overview([PLAIN[0], latency("se", (0.1, 0.1))], {"a": 0.01}) is None


def test_what_two_runs_tell_is_named() -> None:
    again = replace(SE, run="b")
    assert list(conflicts([SE, again], at_a_glance=True)) == []
    [conflict] = conflicts([SE, replace(again, absolute=exact(11_776_553_000))], at_a_glance=True)
    told = "params of resnet18/se differs: 11,776,552 in a, and 11,776,553,000 in b; at a glance the first is shown"
    assert conflict == told
    timed = replace(latency("se", (0.1, 0.2)), absolute=Estimate(0.1, 0.09, 0.11, "t"))
    assert list(conflicts([timed, replace(timed, run="b")], at_a_glance=True)) == [
        "latency of resnet18/se is in a and in b; at a glance the first is shown"
    ]
    assert list(conflicts([timed, replace(timed, run="b")], at_a_glance=False)) == [
        "latency of resnet18/se is in a and in b"
    ]
    kernels = replace(timed, value="kernels", measure="complexity")  # has no column there
    assert list(conflicts([kernels, replace(kernels, run="b")], at_a_glance=True)) == [
        "kernels of resnet18/se is in a and in b"
    ]
    others = [replace(timed, run=run, cell=cell) for run in ("a", "b") for cell in ("one", "two", "three")]
    assert list(conflicts(others, at_a_glance=True)) == [
        "latency of one is in a and in b; 2 more likewise; at a glance the first is shown"
    ]
    assert list(conflicts([replace(each, measure="machine") for each in others], at_a_glance=True)) == []


def test_the_table_says_which_records_it_is_made_of() -> None:
    table = overview([*PLAIN, replace(SE, run="b"), latency("se", (0.04, 0.05), repeats=2)], {"a": 0.01})
    assert table is not None and table.records == "3 of latency, 1 of complexity in a; 1 of complexity in b"


def test_what_has_no_baseline_is_not_called_one() -> None:
    alone = overview([PLAIN[2], latency("se", ()), latency("cbam", ())], {"a": 0.01})
    assert alone is not None and [row[-1].text for row in alone.rows[1:]] == ["–, inconclusive"] * 2
    assert [row[-1].number for row in alone.rows[1:]] == [None, None]


def test_columns_are_sorted_by_numbers() -> None:
    table = overview([*PLAIN, SE, latency("se", (0.0, 0.0))], {"a": 0.01})
    assert table is not None
    assert [[cell.number for cell in row] for row in table.rows] == [
        [None, None, None, 11_689_512, 1.0],
        [None, None, None, 11_776_552, 1.0],
    ]


def test_what_is_inconclusive_is_said() -> None:
    noisy = replace(CONTROL, ratio=ratio_of((0.03, 0.05, 0.04)))
    table = overview([*PLAIN[2:], PLAIN[0], noisy, latency("se", (0.04, 0.05, 0.045))], {"a": 0.01})
    assert table is not None and table.rows[1][-1].text.endswith(", inconclusive")
    top1 = each("se", "accuracy", "top1", "1", absolute=Estimate(0.91, 0.9, 0.92, "t"), differences=(0.01, -0.01, 0.02))
    assert rows(top1)[2][-1].endswith("), inconclusive")


def test_no_accuracy_is_the_best_that_is_not_better_than_the_baseline() -> None:
    worse = each(
        "se", "accuracy", "top1", "1", absolute=Estimate(0.89, 0.88, 0.9, "t"), differences=(-0.01, -0.012, -0.011)
    )
    assert rows(worse)[2][-1] == "89.00 % (−1.10 [−1.35, −0.85])"


def test_networks_of_other_seeds_are_not_held_against_each_other() -> None:
    def trained(attention: str, *seeds: int) -> Comparison:
        points = tuple(0.01 + 0.001 * seed for seed in seeds)  # one and the same network
        absolute = Estimate(0.91, 0.9, 0.92, "t")
        return each(attention, "accuracy", "top1", "1", absolute=absolute, differences=points, seeds=seeds)

    table = rows(trained("se", 0, 1, 2), trained("cbam", 1, 2, 3))
    assert [row[-1].startswith("**") for row in table[2:]] == [True, True]


def test_what_differs_from_the_best_by_chance_is_marked_with_it() -> None:
    simam = latency("simam", (0.030, 0.034, 0.031))
    # Paired with SimAM's p = 0.024 by scipy's ttest_rel; among five of that kind 0.12 after Holm's adjustment.
    others = [
        latency(f"simam(e_lambda={number})", (0.0320, 0.0352, 0.0324)) for number in (0.1, 0.01, 0.001, 1e-5, 1e-6)
    ]
    assert [row[-1].startswith("**") for row in rows(simam, others[0])[2:]] == [True, False]
    assert [row[-1].startswith("**") for row in rows(simam, *others)[2:]] == [True] * 6
