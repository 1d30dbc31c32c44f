"""Blocks of a page, collapsed ones included."""

from collections.abc import Iterable, Iterator

from bench.report.blocks import Block, Details


def opened(blocks: Iterable[Block]) -> Iterator[Block]:
    """The blocks with the content of collapsed ones in their place."""
    for block in blocks:
        if isinstance(block, Details):
            yield from opened(block.blocks)
        else:
            yield block
