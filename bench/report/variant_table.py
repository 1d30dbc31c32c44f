"""A table with the columns that a user chooses: a row for each variant, for papers and for programs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from bench.errors import InputError
from bench.report.blocks import Table, text_cell
from bench.report.columns import VERDICT, Numbers, ValueColumn, parse_column
from bench.report.data import ReportData
from bench.report.names import CONDITIONS, USUAL, condition_name, module_names, network_name
from bench.report.rows import ValueRow, join_values
from bench.report.sections.glance import row_verdict

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_COLUMNS = ("params", "flops", "latency", "latency_delta", "saved_bytes", "top1", "top1_delta", VERDICT)
"""The columns of a LaTeX table; those that were not measured are left out."""
_COORDINATES = (*CONDITIONS, "dataset")

Coordinates: TypeAlias = tuple[Any, ...]
"""Backbone, conditions and dataset: what the rows of a block share."""


@dataclass(frozen=True)
class VariantTable:
    """A table of results.

    Args:
        data: the data of the report.
        rows: the rows; those of one network under the same conditions are next to each other.
        columns: the columns with values.
        verdict: whether the last column is the verdict.
    """

    data: ReportData
    rows: Sequence[ValueRow]
    columns: Sequence[ValueColumn]
    verdict: bool

    @property
    def table(self) -> Table:
        """The table as text: network, module and the columns."""
        blocks = self.block_names
        verdicts = [[text_cell(text)] for text in self._verdicts] if self.verdict else [[] for _ in self.rows]
        modules = self._modules
        cells = [
            [
                text_cell(blocks[_coordinates(row)]),
                text_cell(modules[index]),
                *(column.cell(row) for column in self.columns),
                *verdicts[index],
            ]
            for index, row in enumerate(self.rows)
        ]
        headings = ["network", "module", *(column.heading for column in self.columns)]
        return Table([*headings, *([VERDICT] if self.verdict else [])], cells)

    @property
    def frame(self) -> "pd.DataFrame":
        """The table as numbers: axes, then one column for a value and three for a change with its interval."""
        import pandas as pd

        verdicts: list[Numbers] = (
            [{VERDICT: text} for text in self._verdicts] if self.verdict else [{} for _ in self.rows]
        )
        records = [
            {
                **row.axes,
                **{key: number for column in self.columns for key, number in column.numbers(row).items()},
                **verdict,
            }
            for row, verdict in zip(self.rows, verdicts, strict=True)
        ]
        frame = pd.DataFrame(records)
        return frame.astype(dict.fromkeys(("batch", "resolution", "threads"), "Int64"))

    @property
    def caption(self) -> str:
        """What all rows share, and how to read the columns."""
        shared = [
            condition_name(axis, label) for axis in _COORDINATES if _is_notable(axis, label := self._shared(axis))
        ]
        return " ".join(_notes(self.columns, shared))

    @cached_property
    def block_names(self) -> dict[Coordinates, str]:
        """Coordinates of a block → the network with the conditions that are not the same in all rows."""
        varying = [axis for axis in _COORDINATES if self._shared(axis) is None]
        return {
            _coordinates(row): ", ".join(
                [
                    network_name(row.axes["backbone"]),
                    *(condition_name(axis, row.axes[axis]) for axis in varying if _is_notable(axis, row.axes[axis])),
                ]
            )
            for row in self.rows
        }

    def _shared(self, axis: str) -> Any:
        """The label that all rows have; None if it varies or is missing."""
        labels = {row.axes[axis] for row in self.rows}
        return labels.pop() if len(labels) == 1 else None

    @property
    def row_names(self) -> dict[int, str]:
        """Id of a row → its module and network: "SimAM in ResNet-18, batch 1"."""
        blocks = self.block_names
        return {
            id(row): f"{module} in {blocks[_coordinates(row)]}"
            for row, module in zip(self.rows, self._modules, strict=True)
        }

    @property
    def _modules(self) -> list[str]:
        keys = [(_coordinates(row), row.axes["attention"], row.axes["placement"]) for row in self.rows]
        names = module_names(keys)
        return [names[key] for key in keys]

    @property
    def _verdicts(self) -> Iterator[str]:
        times = {id(time.variant): time for time in self.data.times}
        gains = {id(gain.variant): gain for gain in self.data.gains}
        shown = {column.spec.name for column in self.columns} & {"latency", "top1"} or {"latency", "top1"}
        for row in self.rows:
            yield row_verdict(
                [("", row.values[value]) for value in ("top1", "latency") if value in shown & row.values.keys()],
                times,
                gains,
            )


def variant_table(data: ReportData, names: Sequence[str]) -> VariantTable:
    """The table with chosen columns.

    Args:
        data: the data of a report.
        names: names of columns, see :data:`bench.report.columns.COLUMN_HELP`.

    Raises:
        InputError: a name is unknown, or the runs do not have its value.
    """
    if not all(names):
        raise InputError("--columns has an empty name; separate names by single commas")
    measured = [comparison for comparison in data.comparisons if comparison.axes["backbone"] is not None]
    columns = [parse_column(name, measured) for name in dict.fromkeys(names) if name != VERDICT]
    values = {column.spec.name for column in columns} | ({"latency", "top1"} if VERDICT in names else set())
    rows = list(_rows([one for one in measured if one.value in values]))
    order = list(dict.fromkeys(map(_coordinates, rows)))
    return VariantTable(data, sorted(rows, key=lambda row: order.index(_coordinates(row))), columns, VERDICT in names)


def default_table(data: ReportData) -> VariantTable | None:
    """The table with those default columns whose values were measured; None if there are none."""
    values = {comparison.value for comparison in data.comparisons}
    needed = {"flops": "macs", VERDICT: "latency" if "latency" in values else "top1"}
    names = [name for name in DEFAULT_COLUMNS if needed.get(name, name.removesuffix("_delta")) in values]
    return variant_table(data, names) if names else None


def _rows(comparisons: Sequence[Any]) -> Iterator[ValueRow]:
    """The rows of all networks; costs, which depend on no dataset, belong to the rows of every dataset."""
    datasets = list(dict.fromkeys(one.axes["dataset"] for one in comparisons if one.axes["dataset"] is not None))
    for dataset in datasets or [None]:
        known = [one for one in comparisons if one.axes["dataset"] in (None, dataset)]
        members = [replace(one, axes={**one.axes, "dataset": None}) for one in known]
        originals = {id(member): one for member, one in zip(members, known, strict=True)}
        rows = [
            ValueRow(
                row.run,
                {**row.axes, "dataset": dataset},
                {name: originals[id(member)] for name, member in row.values.items()},
            )
            for row in join_values(members, across_runs=True)
        ]
        blocks: dict[str, dict[Coordinates, ValueRow]] = {}
        for row in filter(_has_conditions, rows):
            blocks.setdefault(row.axes["backbone"], {})[_coordinates(row)] = row
        for row in rows:
            alike = list(blocks.get(row.axes["backbone"], {}).values())
            # A variant without costs joins the other rows of its network if these share all conditions.
            if len(alike) == 1 and not _has_conditions(row):
                row = replace(row, axes={**row.axes, **{axis: alike[0].axes[axis] for axis in CONDITIONS}})
            yield row


def _has_conditions(row: ValueRow) -> bool:
    return any(row.axes[axis] is not None for axis in CONDITIONS)


def _is_notable(axis: str, label: Any) -> bool:
    return label is not None and label != USUAL.get(axis)


def _coordinates(row: ValueRow) -> Coordinates:
    return row.axes["backbone"], *(row.axes[axis] for axis in _COORDINATES)


def _notes(columns: Sequence[ValueColumn], shared: Sequence[str]) -> Iterator[str]:
    if shared:
        yield f"All rows: {', '.join(shared)}."
    if any(column.form == "delta" for column in columns):
        yield (
            "Δ is relative to the first row of each network; brackets are 95 % confidence intervals, or the range over "
            "processes that disagree."
        )
    if any(column.form == "delta" and column.spec.shown == "time" for column in columns):
        yield "Δ of a time comes from ratios within rounds and is not the quotient of the times shown."
    if any(column.form == "value" and column.spec.shown == "share" for column in columns):
        yield "± is the standard deviation over seeds."
    if any(column.title == "FLOPs" for column in columns):
        yield "FLOPs count a multiply-add as 1."
