"""A page as GitHub-flavoured Markdown."""

import re
from collections.abc import Iterable, Iterator
from functools import singledispatch

from bench.report.blocks import (
    Block,
    BulletList,
    Code,
    Details,
    Figure,
    Heading,
    Page,
    Paragraph,
    Picker,
    Table,
    TableCell,
)
from bench.report.numbers import escape_markdown

MAIN, FIGURES, DETAILS = "report.md", "figures", "details"
"""The page, and beside it the folders of its figures and of the collapsed blocks of a long page."""
MAX_BYTES = 400_000
"""Longest page; GitHub shows no more than 512 kB of Markdown."""


def page_markdown(page: Page, figures: bool = False) -> str:
    """The Markdown of a page.

    Args:
        page: the page.
        figures: whether to link the figures, as ``figures/NAME.svg`` beside the page.
    """
    blocks = page.blocks if figures else without_figures(page.blocks)
    return "\n\n".join([f"# {escape_markdown(page.title)}", *filter(None, map(block_markdown, blocks))]) + "\n"


def markdown_files(page: Page) -> Iterator[tuple[str, str]]:
    """Path and content of the Markdown files of a page, with links to its figures.

    If the page is longer than :data:`MAX_BYTES`, each of its collapsed blocks becomes a file of its own, and the page
    links to them.
    """
    whole = page_markdown(page, figures=True)
    if len(whole.encode()) <= MAX_BYTES:
        yield MAIN, whole
        return
    parts: list[str] = [f"# {escape_markdown(page.title)}"]
    paths: list[str] = []
    for block in page.blocks:
        if isinstance(block, Details):
            path = f"{DETAILS}/{len(paths) + 1:02d}-{_file_name(block.summary)}.md"
            paths.append(path)
            link = f"- [{escape_markdown(block.summary)}]({path})"
            # The items of one list must not be separated.
            parts[-1:] = [f"{parts[-1]}\n{link}"] if parts[-1].startswith("- [") else [parts[-1], link]
            yield (
                path,
                page_markdown(Page(block.summary, [*block.blocks, Paragraph(f"From the report “{page.title}”.")])),
            )
        elif text := block_markdown(block):
            parts.append(text)
    yield MAIN, "\n\n".join(parts) + "\n"


def _file_name(summary: str) -> str:
    """A file name with the words of a summary: "ResNet-18: all costs" becomes "resnet-18-all-costs"."""
    return re.sub(r"[^a-z0-9]+", "-", summary.lower()).strip("-")


def without_figures(blocks: Iterable[Block]) -> Iterator[Block]:
    """The blocks without figures, those in collapsed blocks included."""
    for block in blocks:
        if isinstance(block, Details):
            yield Details(block.summary, list(without_figures(block.blocks)))
        elif not isinstance(block, Figure):
            yield block


@singledispatch
def block_markdown(block: Block) -> str:
    """The Markdown of one block."""
    raise TypeError(f"no such block: {block!r}")


@block_markdown.register
def _(block: Heading) -> str:
    return f"## {escape_markdown(block.text)}"


@block_markdown.register
def _(block: Paragraph) -> str:
    return escape_markdown(block.text)


@block_markdown.register
def _(block: BulletList) -> str:
    return "\n".join(f"- {escape_markdown(item)}" for item in block.items)


@block_markdown.register
def _(block: Table) -> str:
    from tabulate import tabulate

    rows = [[_cell(cell) for cell in row] for row in block.rows]
    return tabulate(rows, headers=list(map(escape_markdown, block.headings)), tablefmt="github", disable_numparse=True)


def _cell(cell: TableCell) -> str:
    return f"**{escape_markdown(cell.text)}**" if cell.best else escape_markdown(cell.text)


@block_markdown.register
def _(block: Details) -> str:
    content = "\n\n".join(filter(None, map(block_markdown, block.blocks)))
    return f"<details><summary>{escape_markdown(block.summary)}</summary>\n\n{content}\n\n</details>"


@block_markdown.register
def _(block: Code) -> str:
    # The fence is longer than any run of backticks in the block.
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", block.text)), default=0))
    return f"{fence}{block.language}\n{block.text}{fence}"


@block_markdown.register
def _(block: Picker) -> str:
    return ""


@block_markdown.register
def _(block: Figure) -> str:
    return f"![{escape_markdown(block.title)}]({FIGURES}/{block.name}.svg)"
