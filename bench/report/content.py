"""What a page says, in no format: all texts are plain, and each format escapes them in its own way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Args:
        text: as people read it.
        number: what it is sorted by; None for names, and where there is nothing.
        best: whether it is the best of its kind, or cannot be told from it.
    """

    text: str
    number: float | None = None
    best: bool = False


@dataclass(frozen=True)
class Table:
    """A table.

    Args:
        headings: of the columns.
        rows: as long as the headings.
        records: which records it was made from; empty where it says so itself.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    records: str = ""

    @property
    def numeric(self) -> list[bool]:
        """Of each column, whether it has numbers."""
        return [any(row[place].number is not None for row in self.rows) for place in range(len(self.headings))]


@dataclass(frozen=True)
class Heading:
    """What the blocks up to the next heading are about."""

    text: str


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Points:
    """A list, a sentence a point."""

    sentences: Sequence[str]


@dataclass(frozen=True)
class Folded:
    """A table that is shown when it is asked for."""

    summary: str
    table: Table


@dataclass(frozen=True)
class Code:
    """What is typed, or stands in a file."""

    language: str
    text: str


@dataclass(frozen=True)
class Figure:
    """A drawing.

    Args:
        name: of its file, without the ending.
        title: what it shows, for those who do not see it, too.
        spec: Vega-Lite, with the data in it.
    """

    name: str
    title: str
    spec: Mapping[str, Any]


Block: TypeAlias = Heading | Text | Points | Table | Folded | Code | Figure


@dataclass(frozen=True)
class Page:
    """All of it, in the order of reading."""

    title: str
    blocks: Sequence[Block]


def name(text: str | None) -> Cell:
    """A cell that is no number; a dash where there is nothing."""
    return Cell(text if text is not None else "–")
