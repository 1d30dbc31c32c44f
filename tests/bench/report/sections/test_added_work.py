"""Sentences on added work, for numbers that are computed by hand."""

from collections.abc import Mapping
from typing import Any

import pytest

from bench.report.sections.added_work import added_work_sentences
from bench.results.estimates import Comparison
from bench.results.roofline import MachineLimits
from tests.bench.comparisons import comparison, exact

LIMITS = MachineLimits(bandwidth=10e9, rate=100e9)
PLAIN = {"macs": 1000, "elementwise_ops": 100, "bytes_moved": 4000, "operators": 10}


def counted(
    attention: str, counts: Mapping[str, int], by_operator: Mapping[str, list[int]] | None = None, **fields: Any
) -> list[Comparison]:
    """The counts of a member of a group."""
    return [
        comparison(
            attention,
            "complexity",
            name,
            absolute=exact(count),
            ratio=None if attention == "none" else exact(count / PLAIN[name]),  # type: ignore[arg-type]
            details={"by_operator": by_operator or {}},
            **fields,
        )
        for name, count in counts.items()
    ]


def group() -> list[Comparison]:
    more = {"macs": 1000, "elementwise_ops": 1_000_100, "bytes_moved": 4_004_000, "operators": 22}
    before = {"mul": [1, 0, 0, 0, 1000], "relu": [1, 0, 0, 3000, 0]}
    after = {
        "mul": [3, 0, 0, 3_000_000, 1000],
        "relu": [1, 0, 0, 3000, 0],
        "add": [8, 0, 0, 500_000, 500_000],
        "sum": [1, 0, 0, 1000, 0],  # too few bytes to be named
    }
    return [*counted("none", PLAIN, before), *counted("simam", more, after)]


def test_added_work_and_its_operators() -> None:
    [sentence] = added_work_sentences(group(), LIMITS)
    assert sentence.startswith("SimAM at spatial adds 12 operators")
    assert "1.000 M operations" in sentence and "4.000 MB moved (×1001.000)" in sentence
    assert "mul 75 %, add 25 %" in sentence and "sum" not in sentence and "relu" not in sentence


@pytest.mark.parametrize(
    ("machine", "facts"),
    [
        # 4 MB at 10 GB/s take 400 µs, a million operations at 100 GFLOP/s 10 µs
        (LIMITS, ("0.25 operations", "memory-bound", "400.0 µs")),
        (MachineLimits(bandwidth=1e12, rate=1e9), ("0.25 operations", "compute-bound", "1.000 ms")),
        (None, ("0.25 operations",)),
    ],
)
def test_limit_of_the_added_work(machine: MachineLimits | None, facts: tuple[str, ...]) -> None:
    [sentence] = added_work_sentences(group(), machine)
    assert all(fact in sentence for fact in facts)
    assert (machine is None) == ("bound" not in sentence)


def test_equal_placements_and_modules_share_a_sentence() -> None:
    members = counted("none", PLAIN)
    for attention, placement, moved in (
        ("simam", "spatial", 5000),
        ("simam", "branch_end", 5000),
        ("eca", "spatial", 5000),
        ("se", "spatial", 5001),
    ):
        cell = f"{attention}@{placement}"
        members += counted(attention, {**PLAIN, "bytes_moved": moved}, placement=placement, cell=cell)
    assert [sentence.partition(" 0 operators")[0] for sentence in added_work_sentences(members, None)] == [
        "SimAM at spatial or branch_end and ECA at spatial each add",
        "SE at spatial adds",
    ]
