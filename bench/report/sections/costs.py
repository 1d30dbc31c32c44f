"""The costs of each network: a row for each combination of module, placement and conditions."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from bench.report.blocks import (
    Block,
    BulletList,
    Details,
    Heading,
    Paragraph,
    Table,
    TableCell,
    first_figures,
    text_cell,
)
from bench.report.data import ReportData
from bench.report.names import (
    CONDITIONS,
    change_heading,
    condition_name,
    module_name,
    network_name,
    run_name,
    shared_conditions,
    value_heading,
)
from bench.report.numbers import change, difference, format_quantity, percent, ratio
from bench.report.rows import ValueRow, join_values
from bench.report.sections.added_work import added_work_sentences
from bench.report.sections.glance import glance_table
from bench.report.sections.sources import records_of
from bench.results.estimates import Comparison, shown_ratio
from bench.results.values import VALUES, ValueSpec, value_spec

MOST_SHOWN = 40
"""Maximum number of rows of a network for which all conditions are shown."""
COSTS_NOTE = (
    "Δ, × and Δ % are relative to the baseline of the same group. Brackets after a Δ % are 95 % confidence intervals, "
    "not adjusted for multiple comparisons. Counts are exact and refer to one call; in training mode a call is a whole "
    "training step on the whole batch. docs/counting.md defines the counts. Columns:"
)


@dataclass(frozen=True)
class CostColumn:
    """A column of the table.

    Args:
        heading: its heading.
        cell: row → cell.
    """

    heading: str
    cell: Callable[[ValueRow], TableCell]


def costs(data: ReportData) -> Iterator[Block]:
    """The limits of the machines, a table for each network with what its modules add, notes, and figures.

    The tables are collapsed if the page has a table at a glance.
    """
    from bench.report.figures.memory import memory
    from bench.report.figures.roofline import roofline
    from bench.report.figures.scaling import scaling

    for run, machine in data.machines.items():
        of_run = f" of {run}" if data.several_runs else ""
        bandwidth, rate = format_quantity(machine.bandwidth, "B/s"), format_quantity(machine.rate, "FLOP/s")
        yield Paragraph(
            f"The machine{of_run} copies {bandwidth} (read plus written) and reaches {rate} in an fp32 matrix product. "
            f"Work with fewer than {machine.ridge:.1f} operations per byte moved is memory-bound."
        )
    networks: dict[str, list[ValueRow]] = {}
    for row in join_values(data.costs):
        networks.setdefault(_heading(row.run, row.axes, data), []).append(row)
    added = _added_work(data)
    folded = glance_table(data.comparisons, data.gains, data.times) is not None
    if networks and folded:
        yield Heading("Details")
    for heading, rows in networks.items():
        blocks = [*_cost_blocks(rows), *added.get(heading, ())]
        yield from [Details(f"{heading}: all costs", blocks)] if folded else [Heading(heading), *blocks]
    if networks:
        descriptions = BulletList(list(_descriptions(networks.values())))
        yield Details("How to read the tables of costs", [Paragraph(COSTS_NOTE), descriptions])
    yield from first_figures(scaling(data))
    yield from first_figures(memory(data))
    yield from first_figures(roofline(data))


def _cost_blocks(rows: list[ValueRow]) -> Iterator[Block]:
    """The table of one network."""
    shown, others = split_rows(rows)
    if conditions := fixed_conditions(shown):
        yield Paragraph(f"All rows: {conditions}.")
    yield cost_table(shown)
    if others:
        yield Details("Other conditions", [cost_table(others)])


def split_rows(rows: list[ValueRow]) -> tuple[list[ValueRow], list[ValueRow]]:
    """The rows to show and the rows to collapse. Of many rows, only the first conditions of each mode are shown."""
    if len(rows) <= MOST_SHOWN:
        return rows, []
    first: dict[Any, Any] = {}
    for row in rows:
        first.setdefault(row.axes["mode"], _conditions(row))
    shown = [row for row in rows if first[row.axes["mode"]] == _conditions(row)]
    return shown, [row for row in rows if first[row.axes["mode"]] != _conditions(row)]


def _conditions(row: ValueRow) -> tuple[Any, ...]:
    return tuple(row.axes[axis] for axis in CONDITIONS)


def fixed_conditions(rows: list[ValueRow]) -> str:
    """The conditions that all rows share: "batch 32, 224 px, fp32". The default memory format is left out."""
    first = rows[0].axes
    fixed = [axis for axis in CONDITIONS if all(row.axes[axis] == first[axis] for row in rows)]
    return ", ".join(condition_name(axis, first[axis]) for axis in fixed if first[axis] not in (None, "contiguous"))


def cost_table(rows: list[ValueRow]) -> Table:
    """The table of one network; a condition has a column only if it varies."""
    varying = [axis for axis in CONDITIONS if len({row.axes[axis] for row in rows}) > 1]
    columns = [
        CostColumn("module", lambda row: text_cell(module_name(row.axes["attention"]))),
        CostColumn("placement", lambda row: text_cell(row.axes["placement"])),
        *(CostColumn(axis, partial(_condition, axis)) for axis in varying),
        *(column for spec in _specs(rows) for column in _columns(spec)),
    ]
    cells = [[column.cell(row) for column in columns] for row in rows]
    comparisons = {id(comparison): comparison for row in rows for comparison in row.values.values()}
    return Table([column.heading for column in columns], _merged(cells), records_of(comparisons.values()))


def _specs(rows: Iterable[ValueRow]) -> list[ValueSpec]:
    """The values in the rows: built-in values in the order of their descriptions, then user-defined values."""
    specs = {name: value_spec(name, value.unit) for row in rows for name, value in row.values.items()}
    order = list(VALUES)
    return sorted(specs.values(), key=lambda spec: order.index(spec.name) if spec.name in VALUES else len(order))


def _columns(spec: ValueSpec) -> Iterator[CostColumn]:
    yield CostColumn(value_heading(spec), partial(_value, spec))
    if spec.name == "latency":
        yield CostColumn(VALUES["throughput"].title, _throughput)
    if spec.unit == "s" and spec.paired:
        yield CostColumn(change_heading(spec), partial(_change, spec))


def _merged(rows: Iterable[list[TableCell]]) -> list[list[TableCell]]:
    """Rows that differ in nothing but the placement become one row with all of the placements."""
    merged: dict[tuple[str, ...], tuple[list[TableCell], dict[str, None]]] = {}
    for row in rows:
        module, placement, *others = row
        _, placements = merged.setdefault((module.text, *(cell.text for cell in others)), (row, {}))
        placements[placement.text] = None
    return [[row[0], text_cell(", ".join(placements)), *row[2:]] for row, placements in merged.values()]


def _condition(axis: str, row: ValueRow) -> TableCell:
    label = row.axes[axis]
    return TableCell("" if label is None else str(label), label if isinstance(label, int) else None)


def _value(spec: ValueSpec, row: ValueRow) -> TableCell:
    """The value with its interval, and in brackets its ratio to, or difference from, the baseline."""
    comparison = row.values.get(spec.name)
    if comparison is None:
        return text_cell(None)
    absolute = comparison.absolute
    text = format_quantity(absolute.point, spec.unit)
    if absolute.low is not None and absolute.high is not None:
        low, high = (format_quantity(bound, spec.unit) for bound in (absolute.low, absolute.high))
        if spec.unit == "s":
            return TableCell(f"{text} ({low}–{high})", absolute.point)
        if absolute.method != "exact":
            text = f"{text} [{low}, {high}]"
    if spec.shown == "ratio" and comparison.ratio:
        text = f"{text} ({ratio(comparison.ratio)})"
    elif comparison.difference:
        text = f"{text} ({difference(comparison.difference)})"
    return TableCell(text, absolute.point)


def _change(spec: ValueSpec, row: ValueRow) -> TableCell:
    """The change of a time relative to the baseline."""
    comparison = row.values.get(spec.name)
    if comparison is not None and (relative := shown_ratio(comparison)):
        return TableCell(percent(relative), change(relative.point))
    if comparison is not None and comparison.role == "baseline":
        return TableCell("baseline", 0.0)
    return text_cell(None)


def _throughput(row: ValueRow) -> TableCell:
    """Images per second at the median latency."""
    latency, batch = row.values.get("latency"), row.axes["batch"]
    if not latency or not batch:
        return text_cell(None)
    return TableCell(format_quantity(batch / latency.absolute.point, "1"), batch / latency.absolute.point)


def _descriptions(tables: Iterable[Sequence[ValueRow]]) -> Iterator[str]:
    """A description of each value in the tables; user-defined values have none."""
    for spec in _specs(row for rows in tables for row in rows):
        if spec.description:
            yield f"{spec.title}: {spec.description}"


def _heading(run: str, axes: Mapping[str, Any], data: ReportData) -> str:
    """The heading of a network's table, with the run if there are several."""
    return f"{network_name(axes['backbone'])}{f', {run_name(run)}' if data.several_runs_of_costs else ''}"


def _added_work(data: ReportData) -> dict[str, list[Block]]:
    """Heading of a network → work that the modules add under the first conditions that were counted."""
    groups: dict[tuple[str, str], list[Comparison]] = {}
    for comparison in data.costs:
        if comparison.measure == "complexity":
            groups.setdefault((comparison.run, comparison.group), []).append(comparison)
    blocks: dict[str, list[Block]] = {}
    for (run, _), group in groups.items():
        heading = _heading(run, group[0].axes, data)
        sentences = [] if heading in blocks else list(added_work_sentences(group, data.machines.get(run)))
        if sentences:
            lead = Paragraph(f"Added work of each module ({shared_conditions(group[0], group[0])}):")
            blocks[heading] = [lead, BulletList(sentences)]
    return blocks
