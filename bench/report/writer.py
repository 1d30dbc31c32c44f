"""The report of stored runs as files."""

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import RunError
from bench.report.numbers import escape_markdown
from bench.store.files import make_folder, write_whole
from bench.store.stored_run import StoredRun

if TYPE_CHECKING:
    from bench.report.formats import File
    from bench.report.page import Report
    from bench.report.picker import Limit
    from bench.report.variant_table import VariantTable
    from bench.results.verdicts import Verdict


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Disable garbage collection, which takes a third of the time although the data stay alive until the end."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def build_report(runs: Sequence[StoredRun], limits: "Sequence[Limit]" = ()) -> "Report":
    """The report of one or several runs together.

    Args:
        runs: the runs.
        limits: limits on costs, see :func:`bench.report.page.compose`.

    Raises:
        RunError: a run has no records or no environment.
        InputError: the runs have no accuracy, or no value that a limit is on.
    """
    from bench.report.page import compose

    for run in runs:
        if not run.environments:
            raise RunError(f"{run.path / 'environment.json'} is missing or empty: the origin of the records is unknown")
    with _without_garbage_collection():
        return compose(runs, limits)


def save(report: "Report", folder: Path, formats: Sequence[str]) -> None:
    """Write a report's files into a folder. Each file is replaced atomically.

    Args:
        report: the report.
        folder: created unless it exists.
        formats: names in :data:`bench.report.formats.FORMATS`.

    Raises:
        RunError: a file cannot be written.
    """
    from bench.report.formats import FORMATS

    for name in formats:
        _write(FORMATS[name](report), folder)


def save_table(table: "VariantTable", folder: Path, formats: Sequence[str]) -> None:
    """Write a table with chosen columns into a folder, as :func:`save` does; for
    :data:`bench.report.formats.TABLE_FORMATS`.
    """
    from bench.report.formats import TABLE_FORMATS

    for name in formats:
        _write(TABLE_FORMATS[name](table), folder)


def print_report_file(report: "Report", table: "VariantTable | None", name: str) -> None:
    """Print a report, or its table with chosen columns, in one format; a page without links to figures."""
    from bench.report.formats import FORMATS, TABLE_FORMATS
    from bench.report.formats.markdown import page_markdown

    if table is None and name == "md":
        print(page_markdown(report.page), end="")
    else:
        files = FORMATS[name](report) if table is None else TABLE_FORMATS[name](table)
        for _, content in files:
            print(content, end="")


def _write(files: "Iterable[File]", folder: Path) -> None:
    for path, content in files:
        file = folder / path
        write_whole(make_folder(file.parent) / file.name, content)


def sides_page(run: StoredRun, verdicts: "Sequence[Verdict]") -> str:
    """The report of a comparison of two revisions, as Markdown."""
    from bench.report.verdicts import verdicts_markdown

    sides = (f"{name}: {escape_markdown(side.revision)} ({side.commit[:12]})" for name, side in run.sides.items())
    return f"# B compared with A\n\n{', '.join(sides)}\n\n{verdicts_markdown(verdicts)}"
