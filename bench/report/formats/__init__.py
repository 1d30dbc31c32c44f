"""The formats of a report: name → function that returns its files."""

import io
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeAlias

from bench.errors import InputError
from bench.report.blocks import Figure
from bench.report.page import Report
from bench.report.variant_table import VariantTable, default_table

if TYPE_CHECKING:
    import pandas as pd

File: TypeAlias = tuple[str, str | bytes]
"""Path within the report's folder, and content."""


def _markdown(report: Report) -> Iterator[File]:
    from bench.report.figures import svg
    from bench.report.formats.markdown import FIGURES, markdown_files

    yield from markdown_files(report.page)
    for block in report.page.blocks:
        if isinstance(block, Figure):
            yield f"{FIGURES}/{block.name}.svg", svg(block)


def _html(report: Report) -> Iterator[File]:
    from bench.report.formats.html import html

    yield "report.html", html(report.page)


def _latex(report: Report) -> Iterator[File]:
    table = default_table(report.data)
    if table is None:
        raise InputError("--format latex: the runs have no value that the table shows; choose columns with --columns")
    yield from _latex_table(table)


def _csv(report: Report) -> Iterator[File]:
    from bench.report.formats.tables import value_table

    yield "report.csv", value_table(report.data).to_csv(index=False)


def _parquet(report: Report) -> Iterator[File]:
    from bench.report.formats.tables import value_table

    yield "report.parquet", _parquet_bytes(value_table(report.data))


FORMATS: Mapping[str, Callable[[Report], Iterator[File]]] = {
    "md": _markdown,
    "html": _html,
    "latex": _latex,
    "csv": _csv,
    "parquet": _parquet,
}
"""Name of a format → path and content of each file of a report."""


def _markdown_table(table: VariantTable) -> Iterator[File]:
    from bench.report.blocks import Paragraph
    from bench.report.formats.markdown import block_markdown

    blocks = filter(None, (block_markdown(block) for block in (table.table, Paragraph(table.caption))))
    yield "table.md", "\n\n".join(blocks) + "\n"


def _latex_table(table: VariantTable) -> Iterator[File]:
    from bench.report.formats.latex import latex_table

    run = table.data.runs[0]
    caption = f"{run.title}. {table.caption}" if run.title else table.caption
    yield "table.tex", latex_table(table.table, caption, "-".join(run.path.resolve().parts[-2:]))


def _csv_table(table: VariantTable) -> Iterator[File]:
    yield "table.csv", table.frame.to_csv(index=False)


def _parquet_table(table: VariantTable) -> Iterator[File]:
    yield "table.parquet", _parquet_bytes(table.frame)


TABLE_FORMATS: Mapping[str, Callable[[VariantTable], Iterator[File]]] = {
    "md": _markdown_table,
    "latex": _latex_table,
    "csv": _csv_table,
    "parquet": _parquet_table,
}
"""Name of a format → path and content of the file of a table with chosen columns."""


def _parquet_bytes(frame: "pd.DataFrame") -> bytes:
    file = io.BytesIO()
    frame.to_parquet(file, index=False)
    return file.getvalue()
