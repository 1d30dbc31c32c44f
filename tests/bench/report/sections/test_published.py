"""Published numbers beside measured ones."""

from typing import Any

import pytest

from bench.report.blocks import Table
from bench.report.sections.published import CODE, PUBLISHED, README, agreement, published_of, published_table
from tests.bench.comparisons import comparison, exact, top1


def table_of(value: str, measured: int, **fields: Any) -> Table | None:
    axes: dict[str, Any] = {"backbone": "resnet18", "placement": "spatial", "resolution": 224}
    return published_table([comparison("simam", "complexity", value, absolute=exact(measured), **axes, **fields)])


@pytest.mark.parametrize(
    ("value", "measured", "cells"),
    [
        ("params", 11_689_512, ["11.69 M", "11.69 M (11,689,512)", "0"]),
        ("params", 11_695_001, ["11.69 M", "11.70 M (11,695,001)", "+0.01 M"]),
        ("fvcore_flops", 1_800_000_000, ["1.82 G", "1.80 G (1,800,000,000)", "−0.02 G"]),
        ("macs", 1_814_073_345, ["1,814,073,344", "1,814,073,345", "+1"]),
    ],
)
def test_published_measured_and_difference(value: str, measured: int, cells: list[str]) -> None:
    table = table_of(value, measured)
    assert table is not None and [cell.text for cell in table.rows[0][3:6]] == cells


def test_agreement_counts_equal_numbers() -> None:
    table = table_of("params", 11_689_513)  # equal in millions only
    assert table is not None
    sentence = agreement(table)
    assert f"1 of 1 from {README}" in sentence and f"0 of 1 from {CODE}" in sentence


@pytest.mark.parametrize(
    ("attention", "dataset", "eval_on", "compared"),
    [
        ("simam(e_lambda=0.1)", "imagenet", "test", True),
        ("simam(e_lambda=0.1)", "imagenet", "held_out", False),
        ("simam", "imagenet", "test", False),
        ("simam(e_lambda=0.1)", "cifar10", "test", False),
    ],
)
def test_accuracies_are_of_imagenet_and_one_lambda(attention: str, dataset: str, eval_on: str, compared: bool) -> None:
    details = {"eval_on": eval_on}
    measured = top1(attention, (), mean=0.7012, backbone="resnet18", dataset=dataset, details=details)
    table = published_table([measured])
    assert (table is not None) == compared
    if table is not None:
        assert [cell.text for cell in table.rows[0][2:6]] == ["ImageNet top-1", "71.31 %", "70.12 %", "−1.19 %"]


def test_best_epoch_of_a_training_run_is_compared() -> None:
    details = {"eval_on": "test", "recipe": {}}
    last = top1("simam(e_lambda=0.1)", (), backbone="resnet18", dataset="imagenet", details=details)
    assert published_table([last]) is None
    best = comparison(
        "simam(e_lambda=0.1)", "accuracy", "best_top1", backbone="resnet18", dataset="imagenet", details=details
    )
    table = published_table([best])
    assert table is not None and table.rows[0][2].text == "ImageNet top-1"


def test_published_counts_are_of_one_image_forward() -> None:
    assert table_of("macs", 1, batch=8) is None
    assert table_of("macs", 1, mode="training") is None
    assert table_of("macs", 1, batch=1, mode="inference") is not None


def test_readme_numbers_of_a_network() -> None:
    counts = ["11.69 M params", "1.82 G FLOPs with norms"]
    accuracies = ["71.31 % ImageNet top-1", "89.88 % ImageNet top-5"]
    assert published_of("resnet18", "simam(e_lambda=0.1)", "spatial") == f"{', '.join(counts + accuracies)} ({README})"
    assert published_of("resnet18", "simam", "spatial") == f"{', '.join(counts)} ({README})"
    assert published_of("resnet18", "simam", "branch_end") == published_of("resnet18", "se", "branch_end") == ""


def test_every_number_is_published_once() -> None:
    keys = {(figure.backbone, figure.attention, figure.value, figure.source) for figure in PUBLISHED}
    assert len(keys) == len(PUBLISHED) == 52
