"""The result of a run for a terminal: the findings, one table, and nothing else."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bench.report.blocks import BulletList, Paragraph, Table
from bench.report.page import Report
from bench.report.sections.caveats import caveats
from bench.report.sections.disturbance import disturbance
from bench.report.sections.failures import failures
from bench.report.sections.findings import findings
from bench.report.sections.glance import glance_table, without_constant_columns

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

WIDTH = 100
"""Width of the output where it is not a terminal, in characters."""
MOST_COLUMNS = 6


def print_report(report: Report, console: "Console") -> None:
    """Print the findings and the table at a glance. Outside a terminal, the output is plain text."""
    for block in _blocks(report):
        console.print(block, highlight=False)


def _blocks(report: Report) -> "Iterator[RenderableType]":
    from rich.padding import Padding
    from rich.text import Text

    yield Text(report.page.title, "bold")
    for section in (disturbance, findings, caveats, failures):
        for block in section(report.data):
            if isinstance(block, Paragraph):
                yield Text(block.text)
            elif isinstance(block, BulletList):
                yield from (Padding(Text(f"• {item}"), (0, 0, 0, 2)) for item in block.items)
    data = report.data
    if (table := glance_table(data.comparisons, data.gains, data.times)) is not None:
        caption, shown = without_constant_columns(table)
        yield ""
        yield _rich_table(with_columns(shown, MOST_COLUMNS))
        if caption:
            yield Text(caption, "dim")


def with_columns(table: Table, most: int) -> Table:
    """The table with its first columns and its last one, at most this many."""
    places = [*range(min(most, len(table.headings)) - 1), len(table.headings) - 1]
    rows = [[row[place] for place in places] for row in table.rows]
    return Table([table.headings[place] for place in places], rows, table.records)


def _rich_table(table: Table) -> "RenderableType":
    from rich.table import Table as RichTable
    from rich.text import Text

    printed = RichTable(*table.headings, box=None, pad_edge=False)
    for row in table.rows:
        printed.add_row(*(Text(cell.text, "bold green" if cell.best else "") for cell in row))
    return printed
