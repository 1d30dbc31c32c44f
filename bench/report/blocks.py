"""The blocks of a page, independent of any format. All texts are plain; each format escapes them in its own way."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeAlias

MOST_FIGURES = 6
"""Maximum number of figures of one type in a report, because drawing takes most of the time of a report."""


@dataclass(frozen=True)
class TableCell:
    """One cell of a table.

    Args:
        text: displayed text.
        number: sorting key; None for names and empty cells.
        best: whether it is the best of its column for a network, or not significantly different from the best.
    """

    text: str
    number: float | None = None
    best: bool = False


@dataclass(frozen=True)
class Table:
    """A table.

    Args:
        headings: the headings of the columns.
        rows: the rows; each has one cell for every heading.
        records: description of the records that the table was made from; empty for a table without records.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[TableCell]]
    records: str = ""

    def column(self, place: int) -> list[TableCell]:
        """The cells of a column."""
        return [row[place] for row in self.rows]

    @property
    def numeric(self) -> list[bool]:
        """Whether each column has numbers."""
        return [any(row[column].number is not None for row in self.rows) for column in range(len(self.headings))]


@dataclass(frozen=True)
class Heading:
    """The heading of the blocks up to the next heading."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class BulletList:
    """A list with one bullet for each item."""

    items: Sequence[str]


@dataclass(frozen=True)
class Details:
    """Blocks that are collapsed under a summary."""

    summary: str
    blocks: "Sequence[Block]"


@dataclass(frozen=True)
class Code:
    """Commands or the content of a file."""

    language: str
    text: str


@dataclass(frozen=True)
class Figure:
    """A figure.

    Args:
        name: name of its file, without the extension.
        title: its caption, which is also its alternative text.
        spec: Vega-Lite specification that contains the data.
    """

    name: str
    title: str
    spec: Mapping[str, Any]


@dataclass(frozen=True)
class PickerLimit:
    """A value that the reader may limit.

    Args:
        title: title of the value.
        symbol: symbol of the unit of a limit without a unit.
        numbers: the value of each row.
        units: lower-case unit of a limit → its size in the unit of the numbers.
    """

    title: str
    symbol: str
    numbers: Sequence[float]
    units: Mapping[str, float]


@dataclass(frozen=True)
class Picker:
    """A table whose rows the reader filters by a limit. Formats that are not interactive leave it out.

    Args:
        text: its heading.
        table: the table, best row first.
        limits: the values that can be limited.
    """

    text: str
    table: Table
    limits: Sequence[PickerLimit]


Block: TypeAlias = Heading | Paragraph | BulletList | Table | Details | Code | Figure | Picker


@dataclass(frozen=True)
class Page:
    """A whole page: a title, and blocks in reading order."""

    title: str
    blocks: Sequence[Block]


def text_cell(text: str | None) -> TableCell:
    """A cell without a number; a dash if there is no text."""
    return TableCell(text if text is not None else "–")


def first_figures(figures: Iterator[Figure]) -> Iterator[Block]:
    """The first :data:`MOST_FIGURES` figures, and a note if there are more."""
    yield from islice(figures, MOST_FIGURES)
    if next(figures, None) is not None:
        yield Paragraph(f"Only the first {MOST_FIGURES} of these figures are drawn; the tables have all of the data.")
