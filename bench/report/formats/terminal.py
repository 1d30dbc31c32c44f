"""The result of a run for a terminal: the findings, and the table at a glance."""

from collections.abc import Iterator, Sequence
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
GAP = 2
"""Characters between two columns."""
TERMINAL_NOTE = "Parentheses: difference or ratio to the baseline, with its 95 % confidence interval in brackets."


def print_report(report: Report, console: "Console") -> None:
    """Print the findings and the table at a glance. Outside a terminal, the output is plain text."""
    for block in _blocks(report, console.width):
        console.print(block, highlight=False)


def _blocks(report: Report, width: int) -> "Iterator[RenderableType]":
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
        parts = by_network(shown)
        columns = fitting_columns([part for _, part in parts], width)
        for network, part in parts:
            yield ""
            yield _rich_table(network, part, columns)
        yield ""
        yield Text(f"{caption} {TERMINAL_NOTE}".strip(), "dim")


def by_network(table: Table) -> list[tuple[str, Table]]:
    """A table of each network without the column of networks; one without a name if there is no such column."""
    if table.headings[0] != "network":
        return [("", table)]
    networks = dict.fromkeys(row[0].text for row in table.rows)
    return [
        (network, Table(table.headings[1:], [row[1:] for row in table.rows if row[0].text == network]))
        for network in networks
    ]


def fitting_columns(tables: Sequence[Table], width: int) -> list[int]:
    """The columns that fit a width: the first and the last, and as many of the others as possible, in their order."""
    headings = tables[0].headings
    widths = [
        max(len(heading.partition(" (")[0]), *(len(cell.text) for table in tables for cell in table.column(place)))
        for place, heading in enumerate(headings)
    ]
    places = [*range(min(MOST_COLUMNS, len(headings)) - 1), len(headings) - 1]
    while len(places) > 2 and sum(widths[place] + GAP for place in places) - GAP > width:
        del places[-2]
    return places


def _rich_table(network: str, table: Table, columns: Sequence[int]) -> "RenderableType":
    from rich.table import Table as RichTable
    from rich.text import Text

    # The note explains the brackets, so that the headings are short enough for one line.
    headings = [table.headings[place].partition(" (")[0] for place in columns]
    title = Text(network, "bold") if network else None
    printed = RichTable(*headings, box=None, pad_edge=False, padding=(0, GAP, 0, 0), title=title, title_justify="left")
    for row in table.rows:
        printed.add_row(*(Text(row[place].text, "bold green" if row[place].best else "") for place in columns))
    return printed
