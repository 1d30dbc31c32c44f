"""The records that the tables of a report were made from."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.report.blocks import Block, BulletList, Details, Heading, Paragraph, Table
from bench.results.estimates import Comparison


def sources(blocks: Sequence[Block]) -> Iterator[Block]:
    """The records behind each table of the page.

    Args:
        blocks: all other blocks of the page.
    """
    heading, items = "", []
    for block in blocks:
        if isinstance(block, Heading):
            heading = block.text
        elif isinstance(block, Table) and block.records:
            items.append(f"{heading}: {block.records}")
        elif isinstance(block, Details) and block.table.records:
            items.append(f"{heading}, other conditions: {block.table.records}")
    if items:
        yield Paragraph("Number of records that each table is made from:")
        yield BulletList(items)


def records_of(comparisons: Iterable[Comparison]) -> str:
    """Numbers of records that comparisons were made from: "24 of complexity, 60 of latency in a; 15 of accuracy in b".

    Runs are named by their folders.
    """
    runs: dict[str, dict[str, dict[tuple[str, str, str], int]]] = {}
    for comparison in comparisons:
        members = runs.setdefault(comparison.run, {}).setdefault(comparison.measure, {})
        members[comparison.group, comparison.cell, comparison.role] = comparison.repeats
    return "; ".join(f"{_counted(measures)} in {Path(run).name}" for run, measures in runs.items())


def _counted(measures: Mapping[str, Mapping[Any, int]]) -> str:
    return ", ".join(f"{sum(members.values())} of {measure}" for measure, members in measures.items())
