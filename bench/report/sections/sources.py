"""The records that the tables of a report were made from."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.report.blocks import Block, BulletList, Details, Heading, Table
from bench.results.estimates import Comparison


def sources(blocks: Sequence[Block]) -> Iterator[Block]:
    """The records behind each table of the page.

    Args:
        blocks: all other blocks of the page.
    """
    if items := list(_items(blocks, "")):
        yield Details("Number of records that each table is made from", [BulletList(items)])


def _items(blocks: Iterable[Block], heading: str) -> Iterator[str]:
    """A line for each table, collapsed ones included."""
    for block in blocks:
        if isinstance(block, Heading):
            heading = block.text
        elif isinstance(block, Table) and block.records:
            yield f"{heading}: {block.records}"
        elif isinstance(block, Details):
            yield from _items(block.blocks, block.summary)


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
