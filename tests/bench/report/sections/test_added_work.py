"""What a module adds, in sentences; published figures beside measured ones."""

from typing import Any

import pandas as pd
import pytest

from bench.report.sections import costs as table
from bench.report.blocks import Table
from bench.report.sections.published import FIGURES, published_of, published_table
from bench.report.sections.added_work import Roofs, roofs, sentences, uncounted
from bench.results.estimates import Comparison, estimate
from bench.store.frame import AXES, COLUMNS

ROOFS = Roofs(bandwidth=10e9, rate=100e9)


def comparisons(attention: str, role: str, values: dict[str, int], **axes: Any) -> list[dict[str, Any]]:
    """Rows of a frame."""
    own = {**dict.fromkeys(AXES), "backbone": "resnet18", "attention": attention, **axes}
    details = {"by_operator": axes.pop("by_operator", {}), "uncounted_ops": ["odd"] if role == "variant" else []}
    shared = {
        "run": "r",
        "measure": "complexity",
        "group": "g",
        "cell": f"{attention}",
        "role": role,
        **{axis: own[axis] for axis in AXES},
        "repeat": 0,
        "status": "ok",
        "details": details,
    }
    return [
        {**dict.fromkeys(COLUMNS), **shared, "value": name, "unit": unit, "samples": (value,), "median": float(value)}
        for name, value in values.items()
        for unit in ["B" if name == "bytes_moved" else "1"]
    ]


def group() -> list[Comparison]:
    plain = {"macs": 1000, "elementwise_ops": 100, "bytes_moved": 4000, "operators": 10}
    more = {"macs": 1000, "elementwise_ops": 1_000_100, "bytes_moved": 4_004_000, "operators": 22}
    rows = [
        *comparisons("none", "baseline", plain, by_operator={"mul": [1, 0, 0, 0, 1000], "relu": [1, 0, 0, 3000, 0]}),
        *comparisons(
            "simam",
            "variant",
            more,
            placement="spatial",
            by_operator={
                "mul": [3, 0, 0, 3_000_000, 1000],
                "relu": [1, 0, 0, 3000, 0],
                "add": [8, 0, 0, 500_000, 500_000],
                "sum": [1, 0, 0, 1000, 0],  # too little to be named
            },
        ),
    ]
    return estimate(pd.DataFrame(rows))


def test_what_a_module_adds_and_where_it_goes() -> None:
    [sentence] = sentences(group(), ROOFS)
    # 4 MB at 10 GB/s take 400 µs; a million operations at 100 GFLOP/s 10 µs; the ridge lies at 10 operations a byte.
    assert sentence == (
        "SimAM at spatial: adds 12 operators, 1.000 M operations and 4.000 MB moved (×1001.000): "
        "0.25 operations a byte, bound by memory, 400.0 µs where no cache serves it. "
        "Of the bytes added: mul 75 %, add 25 %."
    )


def placed(bytes_moved: dict[tuple[str, str], int]) -> list[Comparison]:
    """A plain network and variants of it, by module and place, that differ in bytes moved if in anything."""
    counts = {"macs": 1000, "elementwise_ops": 100, "operators": 10}
    rows = comparisons("none", "baseline", {**counts, "bytes_moved": 4000})
    for (attention, placement), moved in bytes_moved.items():
        own = comparisons(attention, "variant", {**counts, "bytes_moved": moved}, placement=placement)
        rows += [{**row, "cell": f"{attention}@{placement}"} for row in own]
    return estimate(pd.DataFrame(rows))


def test_what_is_alike_in_all_places_is_told_once() -> None:
    seen = placed(
        {("simam", "spatial"): 5000, ("simam", "branch_end"): 5000, ("eca", "spatial"): 5000, ("se", "spatial"): 5001}
    )
    assert [sentence.partition(" 0 operators")[0] for sentence in sentences(seen, None)] == [
        "SimAM at spatial or branch_end; ECA at spatial: each adds",
        "SE at spatial: adds",
    ]
    rows = [[cell.text for cell in row][:2] for row in table.table(table.rows(seen)).rows]
    assert rows == [["plain", "–"], ["SimAM", "spatial, branch_end"], ["ECA", "spatial"], ["SE", "spatial"]]


def test_places_that_differ_by_less_than_is_shown_are_one_row() -> None:
    seen = placed({("simam", "spatial"): 40_000_000, ("simam", "branch_end"): 40_000_001})
    _, one = table.table(table.rows(seen)).rows
    assert one[1].text == "spatial, branch_end"


def test_work_that_is_dense_is_bound_by_arithmetic() -> None:
    [sentence] = sentences(group(), Roofs(bandwidth=1e12, rate=1e9))
    assert "bound by arithmetic, 1.000 ms at the least" in sentence


def test_without_a_machine_there_is_no_bound() -> None:
    [sentence] = sentences(group(), None)
    assert "0.25 operations a byte. Of" in sentence


def test_a_group_without_its_baseline_says_nothing() -> None:
    assert list(sentences([each for each in group() if each.role != "baseline"], ROOFS)) == []
    assert list(sentences([each for each in group() if each.value != "operators"], ROOFS)) == []


def test_the_roofs_are_the_best_samples() -> None:
    rows = [
        {"measure": "machine", "value": "copy_bandwidth", "samples": (1e9, 3e9, 2e9), "median": 2e9},
        {"measure": "machine", "value": "matmul_rate", "samples": (6e9, 5e9), "median": 5.5e9},
        {"measure": "complexity", "value": "params", "samples": (1,), "median": 1},
    ]
    assert roofs(pd.DataFrame(rows)) == Roofs(3e9, 6e9)
    assert roofs(pd.DataFrame(rows)).ridge == 2.0
    assert roofs(pd.DataFrame(rows[2:])) is None
    assert roofs(pd.DataFrame([{"measure": "machine", "value": None, "samples": None, "median": None}])) is None


def test_what_is_uncounted_is_named_once() -> None:
    assert uncounted(group()) == ["odd"]


def published(value: str, measured: int, **axes: Any) -> Table | None:
    rows = comparisons("simam", "variant", {value: measured}, placement="spatial", resolution=224, **axes)
    return published_table(estimate(pd.DataFrame(rows)))


@pytest.mark.parametrize(
    ("value", "measured", "cells"),
    [
        ("params", 11_689_512, ["11.69 M", "11.69 M (11,689,512)", "0"]),
        ("params", 11_695_001, ["11.69 M", "11.70 M (11,695,001)", "+0.01 M"]),
        ("fvcore_flops", 1_800_000_000, ["1.82 G", "1.80 G (1,800,000,000)", "−0.02 G"]),
        ("macs", 1_814_073_345, ["1,814,073,344", "1,814,073,345", "+1"]),
    ],
)
def test_published_and_measured(value: str, measured: int, cells: list[str]) -> None:
    found = published(value, measured)
    assert found is not None and [cell.text for cell in found.rows[0][3:6]] == cells


def test_published_accuracies_are_of_imagenet_and_of_one_lambda() -> None:
    def found(attention: str, dataset: str, judge: str = "test") -> Table | None:
        shared = {**dict.fromkeys(COLUMNS), **dict.fromkeys(AXES), "run": "r", "measure": "accuracy", "status": "ok"}
        axes = {"backbone": "resnet18", "attention": attention, "placement": "spatial", "dataset": dataset}
        own = {"cell": "c", "role": "variant", "repeat": 0, "details": {"eval_on": judge}, "value": "top1", "unit": "1"}
        rows = [{**shared, **axes, **own, "group": "g", "samples": (0.7012,), "median": 0.7012}]
        return published_table(estimate(pd.DataFrame(rows)))

    table_found = found("simam(e_lambda=0.1)", "imagenet")
    assert table_found is not None
    assert [cell.text for cell in table_found.rows[0][2:6]] == ["ImageNet top-1", "71.31 %", "70.12 %", "−1.19 %"]
    assert found("simam(e_lambda=0.1)", "imagenet", "held_out") is None
    assert found("simam", "imagenet") is None and found("simam(e_lambda=0.1)", "cifar10") is None


def test_the_authors_own_figures_stand_beside_what_was_measured() -> None:
    told = published_of("resnet18", "simam(e_lambda=0.1)", "spatial")
    assert (
        told == "11.69 M params, 1.82 G FLOPs, norms counted, 71.31 % ImageNet top-1, 89.88 % ImageNet top-5 "
        "(the authors' README)"
    )
    assert (
        published_of("resnet18", "simam", "spatial")
        == "11.69 M params, 1.82 G FLOPs, norms counted (the authors' README)"
    )
    assert published_of("resnet18", "simam", "branch_end") == published_of("resnet18", "se", "branch_end") == ""


def test_published_figures_are_of_one_image_forward() -> None:
    assert published("macs", 1, batch=8) is None
    assert published("macs", 1, mode="training") is None
    assert published("macs", 1, batch=1, mode="inference") is not None


def test_every_published_figure_is_once_in_the_table() -> None:
    assert len({(each.backbone, each.attention, each.value, each.source) for each in FIGURES}) == len(FIGURES) == 52


def test_many_conditions_are_folded_behind_the_first_of_each_mode() -> None:
    rows = [
        table.Row("r", {**dict.fromkeys(AXES), "mode": mode, "batch": batch, "attention": str(name)})
        for mode in ("inference", "training")
        for batch in (1, 2, 3)
        for name in range(9)
    ]
    shown, more = table.folded(rows)
    assert {(row.axes["mode"], row.axes["batch"]) for row in shown} == {("inference", 1), ("training", 1)}
    assert len(shown) == 18 and len(shown) + len(more) == len(rows)
    few, none = table.folded(rows[:40])
    assert (len(few), none) == (40, [])


def test_other_operations_are_told_as_a_ratio() -> None:
    texts = [cell.text for row in table.table(table.rows(group())).rows for cell in row]
    assert "1.000 M (×10001.000)" in texts
