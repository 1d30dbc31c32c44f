"""The most accurate variants under limits on their costs, such as latency at most 20 ms."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import isfinite

from bench.errors import InputError
from bench.report.blocks import Block, Paragraph, Picker, PickerLimit
from bench.report.columns import ALIASES, UNITS, parse_column
from bench.report.data import ReportData
from bench.report.numbers import enumerated, format_quantity
from bench.report.rows import ValueRow
from bench.report.variant_table import VariantTable, variant_table
from bench.results.ranking import best_members
from bench.results.values import value_spec
from simam.registry import did_you_mean

LIMITED = ("latency", "peak_bytes", "saved_bytes", "params", "macs")
"""The values that a page offers limits on, if they were measured."""


TITLE = "Most accurate variants under a limit"


@dataclass(frozen=True)
class Limit:
    """The largest value that a variant may have.

    Args:
        value: name of the value.
        most: the limit, in the unit of the records.
    """

    value: str
    most: float

    def __str__(self) -> str:
        spec = value_spec(self.value)
        return f"{spec.title} at most {format_quantity(self.most, spec.unit)}"


def parse_limit(text: str) -> Limit:
    """A limit such as "latency=20ms", "memory=200MB" or "params=1M".

    Raises:
        InputError: the text has another form, or the value or the unit is unknown.
    """
    match = re.fullmatch(r"(\w+)=([0-9.]+(?:e[+-]?\d+)?) ?(\w*)", text, re.IGNORECASE)
    if match is None:
        raise InputError(f"--under {text}: write a value and its limit, such as latency=20ms or peak_bytes=200MB")
    name, number, suffix = match.groups()
    value = ALIASES.get(name, (name, ""))[0]
    if value not in LIMITED:
        raise InputError(f"--under {text}: no such value; {did_you_mean(name, [*LIMITED, *ALIASES])}")
    units = UNITS[value_spec(value).unit]
    if suffix.lower() not in units:
        raise InputError(f"--under {text}: give {value} in {', '.join(unit for unit in units if unit) or 'no unit'}")
    try:
        most = float(number) * units[suffix.lower()][1]
    except ValueError:
        raise InputError(f"--under {text}: {number} is not a number") from None
    if not isfinite(most):
        raise InputError(f"--under {text}: the limit must be finite")
    return Limit(value, most)


def best_under(data: ReportData, limits: Sequence[Limit]) -> Iterator[Block]:
    """A paragraph on the most accurate variant under limits, and on those that do not differ from it.

    Raises:
        InputError: the runs have no accuracy, or no value that a limit is on.
    """
    if not limits:
        return
    measured = {comparison.value for comparison in data.comparisons}
    for needed in ("top1", *(limit.value for limit in limits)):
        if needed not in measured:
            raise InputError(f"--under needs {needed}, and the runs have none; add a run that has measured it")
    table = _candidates(data, [limit.value for limit in limits])
    limit_text = enumerated([str(limit) for limit in limits])
    rows = [row for row in table.rows if all(_within(row, limit) for limit in limits)]
    if not rows:
        yield Paragraph(f"No variant has {limit_text}.")
        return
    best = max(rows, key=lambda row: row.values["top1"].absolute.point)
    described = partial(_described, table.row_names, [limit.value for limit in limits])
    equal = _equal(best, rows)
    if not equal:
        yield Paragraph(f"Most accurate with {limit_text}: {described(best)}.")
        return
    cheapest = min([best, *equal], key=lambda row: row.values[limits[0].value].absolute.point)
    yield Paragraph(
        f"With {limit_text}, {len(equal) + 1} variants do not differ significantly in top-1. Lowest "
        f"{value_spec(limits[0].value).title} of these: {described(cheapest)}. Highest top-1: {described(best)}."
    )


def _described(names: Mapping[int, str], values: Sequence[str], row: ValueRow) -> str:
    """The name of a row with its top-1 and the limited values."""
    members = [row.values[value] for value in values]
    facts = [format_quantity(member.absolute.point, member.unit) for member in members]
    return f"{names[id(row)]} (top-1 {_share(row)}, {', '.join(facts)})"


def picker(data: ReportData) -> Iterator[Block]:
    """The variants with an accuracy and a cost, by accuracy, with limits that the reader chooses."""
    measured = {comparison.value for comparison in data.comparisons}
    limits = [value for value in LIMITED if value in measured]
    if "top1" not in measured or not limits:
        return
    table = _candidates(data, limits)
    rows = sorted(table.rows, key=lambda row: -row.values["top1"].absolute.point)
    if len(rows) > 1:
        shown = VariantTable(data, rows, table.columns, table.verdict)
        yield Picker(TITLE, shown.table, [_picker_limit(data, value, rows) for value in limits])


def _candidates(data: ReportData, values: Sequence[str]) -> VariantTable:
    """The rows with a top-1 and all of the values. If both modes were measured, inference counts."""
    table = variant_table(data, ["top1", "top1_delta", *values, "verdict"])
    rows = [row for row in table.rows if {"top1", *values} <= row.values.keys()]
    inference = [row for row in rows if row.axes["mode"] != "training"]
    return VariantTable(data, inference or rows, table.columns, table.verdict)


def _within(row: ValueRow, limit: Limit) -> bool:
    return row.values[limit.value].absolute.point <= limit.most


def _share(row: ValueRow) -> str:
    return f"{100 * row.values['top1'].absolute.point:.2f} %"


def _equal(best: ValueRow, rows: Sequence[ValueRow]) -> list[ValueRow]:
    """The rows that were trained together with the best one and are not significantly less accurate."""
    top1 = best.values["top1"]
    trained = {id(row.values["top1"]): row for row in rows}
    members = [row.values["top1"] for row in trained.values()]
    family = [member for member in members if (member.run, member.group) == (top1.run, top1.group)]
    equal = best_members(family, "higher") or family
    return [trained[id(member)] for member in equal if member is not top1]


def _picker_limit(data: ReportData, value: str, rows: Sequence[ValueRow]) -> PickerLimit:
    column = parse_column(value, data.comparisons)
    numbers = [row.values[value].absolute.point for row in rows]
    units = {suffix: scale for suffix, (_, scale) in UNITS[column.spec.unit].items()}
    return PickerLimit(column.title, column.symbol, numbers, {**units, "": column.scale})
