"""Rows of tables: the values that several measures give for one cell."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.results.estimates import Comparison


@dataclass
class ValueRow:
    """The coordinates of a cell, and the values that the measures give for it.

    Args:
        run: the run's name; empty if the row joins several runs.
        axes: axis → label.
        values: name of the value → its estimates.
    """

    run: str
    axes: Mapping[str, Any]
    values: dict[str, Comparison] = field(default_factory=dict)


def join_values(comparisons: Iterable[Comparison], across_runs: bool = False) -> list[ValueRow]:
    """Join measures that depend on different axes: a value belongs to every row with the same labels on its axes.

    Args:
        comparisons: the comparisons of one or several runs; those of A/A controls are left out.
        across_runs: whether a row has values of several runs. If two runs have the same value, the first run counts.
    """
    rows: list[ValueRow] = []
    # Axes of a comparison → its run and labels on these axes → rows. A scan of all rows for each comparison would take
    # minutes for thousands of rows.
    index: dict[tuple[str, ...], dict[tuple[Any, ...], list[ValueRow]]] = {}
    for comparison in sorted((member for member in comparisons if member.role != "control"), key=_open_axes):
        axes = _measure_axes(comparison)
        if axes not in index:
            index[axes] = {}
            for row in rows:
                index[axes].setdefault(_coordinates(row, axes), []).append(row)
        candidate = ValueRow("" if across_runs else comparison.run, comparison.axes)
        if _coordinates(candidate, axes) not in index[axes]:
            rows.append(candidate)
            for known, members in index.items():
                members.setdefault(_coordinates(candidate, known), []).append(candidate)
        for row in index[axes][_coordinates(candidate, axes)]:
            row.values.setdefault(comparison.value, comparison)
    return rows


def _open_axes(comparison: Comparison) -> int:
    """Number of axes without a label; the placement does not count, since a plain network never has one."""
    return sum(label is None for axis, label in comparison.axes.items() if axis != "placement")


def _measure_axes(comparison: Comparison) -> tuple[str, ...]:
    """The axes that the measure depends on. If it runs a program, ``threads`` may be None: torch's default."""
    runs = comparison.axes["execution"] is not None
    return tuple(axis for axis, label in comparison.axes.items() if label is not None or (axis == "threads" and runs))


def _coordinates(row: ValueRow, axes: tuple[str, ...]) -> tuple[Any, ...]:
    return row.run, *(row.axes[axis] for axis in axes)
