"""One row for each finest cell, with the coarser measures' values beside it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.report.content import Cell, Table, name
from bench.report.format import difference, quantity, ratio
from bench.report.names import condition_name, module_name
from bench.report.sources import records_of
from bench.results.estimates import UNPAIRED, Comparison

HEADINGS = {
    "params": "params (Δ)",
    "macs": "MACs (Δ)",
    "elementwise_ops": "other operations (×)",
    "bytes_moved": "bytes moved (×)",
    "operators": "operators (Δ)",
    "kernels": "kernels (Δ)",
    "fvcore_flops": "fvcore total",
    "torch_flops": "torch's counter",
    "saved_bytes": "saved for backward (×)",
    "live_peak_bytes": "live at the peak (×)",
    "allocator_peak_bytes": "given out at the peak (×)",
    "reserved_peak_bytes": "held at the peak (×)",
    "latency": "latency (p5–p95)",
    "throughput": "images/s",
    "latency_ratio": "latency × [95 %]",
    "compile_time": "compile time (p5–p95)",
    "graph_breaks": "graph breaks",
}
CONDITIONS = ("mode", "execution", "batch", "resolution", "dtype", "memory_format", "threads")


MOST_SHOWN = 40
"""Cells of a network that are all shown."""


@dataclass
class Row:
    """A cell's coordinates in one run, and what every measure says about it: value name → comparison."""

    run: str
    axes: Mapping[str, Any]
    values: dict[str, Comparison] = field(default_factory=dict)


def rows(comparisons: Iterable[Comparison]) -> list[Row]:
    """Join measures that read different axes: a value belongs to every row that agrees on all axes it was read on."""
    found: list[Row] = []
    # Axes that a comparison was read on → its run and values on these → rows; a scan of all rows for each comparison
    # would take minutes where there are thousands.
    homes: dict[tuple[str, ...], dict[tuple[Any, ...], list[Row]]] = {}
    for comparison in sorted((each for each in comparisons if each.role != "twin"), key=_coarseness):
        axes = _axes_read(comparison)
        if axes not in homes:
            homes[axes] = {}
            for row in found:
                homes[axes].setdefault(_place(row, axes), []).append(row)
        own = Row(comparison.run, comparison.axes)
        if _place(own, axes) not in homes[axes]:
            found.append(own)
            for known, there in homes.items():
                there.setdefault(_place(own, known), []).append(own)
        for row in homes[axes][_place(own, axes)]:
            row.values.setdefault(comparison.value, comparison)
    return found


def _axes_read(comparison: Comparison) -> tuple[str, ...]:
    """The axes that its measure reads; where a program is run, no number of threads is one, too: torch's own choice."""
    runs = comparison.axes["execution"] is not None
    return tuple(axis for axis, value in comparison.axes.items() if value is not None or (axis == "threads" and runs))


def _place(row: Row, axes: tuple[str, ...]) -> tuple[Any, ...]:
    return row.run, *(row.axes[axis] for axis in axes)


def folded(found: list[Row]) -> tuple[list[Row], list[Row]]:
    """The rows of one network that are shown, and those that are folded away: where there are many, all conditions but
    the first of each mode.
    """
    first: dict[Any, Any] = {}
    for row in found:
        first.setdefault(row.axes["mode"], _conditions(row))
    if len(found) <= MOST_SHOWN:
        return found, []
    shown = [row for row in found if first[row.axes["mode"]] == _conditions(row)]
    return shown, [row for row in found if first[row.axes["mode"]] != _conditions(row)]


def _conditions(row: Row) -> tuple[Any, ...]:
    return tuple(row.axes[axis] for axis in CONDITIONS)


def fixed(found: list[Row]) -> str:
    """The conditions that all rows share, such as "batch 32, 224 px, fp32"; the usual order in memory goes without
    saying, and so does what no measure read.
    """
    first = found[0].axes
    alike = [axis for axis in CONDITIONS if all(row.axes[axis] == first[axis] for row in found)]
    return ", ".join(condition_name(axis, first[axis]) for axis in alike if first[axis] not in (None, "contiguous"))


def table(found: list[Row]) -> Table:
    """The rows of one network; a condition is a column only where it varies."""
    varying = [axis for axis in CONDITIONS if len({row.axes[axis] for row in found}) > 1]
    names = list(dict.fromkeys(value for row in found for value in row.values))
    ordered = [value for value in HEADINGS if value in names] + [value for value in names if value not in HEADINGS]
    times = {value for row in found for value, each in row.values.items() if each.unit == "s"} - UNPAIRED
    columns = [column for value in ordered for column in _columns(value, value in times)]
    headings = ["module", "placement", *varying, *(HEADINGS.get(column, _heading(column)) for column in columns)]
    used = {id(each): each for row in found for each in row.values.values()}
    return Table(headings, _merged([_cells(row, varying, columns) for row in found]), records_of(used.values()))


def _merged(rows: Iterable[list[Cell]]) -> list[list[Cell]]:
    """Rows in which nothing that is shown differs but the place are one, which has all the places."""
    alike: dict[tuple[str, ...], tuple[list[Cell], dict[str, None]]] = {}
    for row in rows:
        module, place, *others = row
        _, places = alike.setdefault((module.text, *(cell.text for cell in others)), (row, {}))
        places[place.text] = None
    return [[row[0], name(", ".join(places)), *row[2:]] for row, places in alike.values()]


def _columns(name: str, is_time: bool) -> list[str]:
    if name == "latency":
        return [name, "throughput", f"{name}_ratio"]
    return [name, f"{name}_ratio"] if is_time else [name]


def _heading(column: str) -> str:
    return f"{column.removesuffix('_ratio')}{' × [95 %]' if column.endswith('_ratio') else ''}"


def _coarseness(comparison: Comparison) -> int:
    """Axes that are open; the placement is not counted, since it is open for a plain network by nature."""
    return sum(value is None for axis, value in comparison.axes.items() if axis != "placement")


def _cells(row: Row, varying: list[str], columns: list[str]) -> list[Cell]:
    return [
        name(module_name(row.axes["attention"])),
        name(row.axes["placement"]),
        *(_condition(row.axes[axis]) for axis in varying),
        *(_cell(row, column) for column in columns),
    ]


def _condition(value: Any) -> Cell:
    return Cell("" if value is None else str(value), value if isinstance(value, int) else None)


def _cell(row: Row, column: str) -> Cell:
    if column == "throughput":
        return _throughput(row)
    comparison = row.values.get(column.removesuffix("_ratio"))
    if comparison is None:
        return name(None)
    if column.endswith("_ratio"):
        if comparison.ratio:
            return Cell(ratio(comparison.ratio), comparison.ratio.point)
        return Cell("baseline", 1.0) if comparison.role == "baseline" else name(None)
    return Cell(_told(comparison, column), comparison.absolute.point)


def _told(comparison: Comparison, column: str) -> str:
    own = comparison.absolute
    text = quantity(own.point, comparison.unit)
    if comparison.unit == "s" and own.low is not None and own.high is not None:
        return f"{text} ({quantity(own.low, 's')}–{quantity(own.high, 's')})"
    if own.method != "exact" and own.low is not None and own.high is not None:
        text = f"{text} [{quantity(own.low, comparison.unit)}, {quantity(own.high, comparison.unit)}]"
    if (comparison.unit == "B" or column == "elementwise_ops") and comparison.ratio:
        return f"{text} ({ratio(comparison.ratio)})"
    return f"{text} ({difference(comparison.difference)})" if comparison.difference else text


def _throughput(row: Row) -> Cell:
    """Images a second at the median latency."""
    latency, batch = row.values.get("latency"), row.axes["batch"]
    if not latency or not batch:
        return name(None)
    return Cell(quantity(batch / latency.absolute.point, "1"), batch / latency.absolute.point)
