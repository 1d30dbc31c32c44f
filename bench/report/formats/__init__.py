"""The formats of a report: name → function that returns its files."""

import io
from collections.abc import Callable, Iterator, Mapping

from bench.report.blocks import Figure
from bench.report.page import Report


def _markdown(report: Report) -> Iterator[tuple[str, str | bytes]]:
    from bench.report.figures import svg
    from bench.report.formats.markdown import FIGURES, markdown_files

    yield from markdown_files(report.page)
    for block in report.page.blocks:
        if isinstance(block, Figure):
            yield f"{FIGURES}/{block.name}.svg", svg(block)


def _html(report: Report) -> Iterator[tuple[str, str | bytes]]:
    from bench.report.formats.html import html

    yield "report.html", html(report.page)


def _latex(report: Report) -> Iterator[tuple[str, str | bytes]]:
    from bench.report.formats.latex import latex

    yield "report.tex", latex(report.page)


def _csv(report: Report) -> Iterator[tuple[str, str | bytes]]:
    from bench.report.formats.tables import results_table

    yield "report.csv", results_table(report.comparisons).to_csv(index=False)


def _parquet(report: Report) -> Iterator[tuple[str, str | bytes]]:
    from bench.report.formats.tables import results_table

    file = io.BytesIO()
    results_table(report.comparisons).to_parquet(file, index=False)
    yield "report.parquet", file.getvalue()


FORMATS: Mapping[str, Callable[[Report], Iterator[tuple[str, str | bytes]]]] = {
    "md": _markdown,
    "html": _html,
    "latex": _latex,
    "csv": _csv,
    "parquet": _parquet,
}
"""Name of a format → path and content of each file."""
