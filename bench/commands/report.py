"""``report``: write the report of one or several stored runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands.failures import user_errors

if TYPE_CHECKING:
    from bench.store.stored_run import StoredRun

EXAMPLES = (
    "Examples: `simam-bench report runs/accuracy runs/latency --out pages --format md,html`, "
    "`simam-bench report runs/A --format latex --columns params,flops,latency_ms,top1` and "
    "`simam-bench report runs/A --under latency=20ms`"
)
PRINTED = ("md", "latex", "csv")
"""Formats that are printed if there is no --out."""


def report(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs.", metavar="RUN...")],
    out: Annotated[
        Path | None, typer.Option(help="Folder to write to; default standard output.", metavar="DIR")
    ] = None,
    formats: Annotated[
        str, typer.Option("--format", help="Any of md, html, latex, csv and parquet, separated by commas.")
    ] = "md",
    columns: Annotated[
        str | None,
        typer.Option(
            help="Write one table with these columns instead of a page, as in params,flops,latency_ms,top1.",
            metavar="NAMES",
        ),
    ] = None,
    under: Annotated[
        list[str] | None,
        typer.Option(
            help="Begin with the most accurate variant under a limit, as in latency=20ms.", metavar="VALUE=LIMIT"
        ),
    ] = None,
) -> None:
    """Write the report of one run, or of several merged runs, in one or several formats."""
    with user_errors():
        _write(runs, out, formats.split(","), columns, under or [])


def _write(
    folders: Sequence[Path], out: Path | None, formats: Sequence[str], columns: str | None, under: Sequence[str]
) -> None:
    """Write the report of stored runs into a folder, or in one format to standard output.

    Raises:
        InputError: a run cannot be read, a format or a column is unknown, or the arguments cannot be combined.
    """
    from bench.errors import InputError
    from bench.report.picker import parse_limit
    from bench.report.variant_table import variant_table
    from bench.report.writer import build_report, print_report_file, save, save_table
    from bench.store.stored_run import StoredRun

    _check_formats(formats, out, columns)
    if columns is not None and under:
        raise InputError("--under belongs to a page; leave out --columns")
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise InputError("a run is given twice; its processes would count twice")
    limits = [parse_limit(text) for text in under]
    runs = [StoredRun.load(folder) for folder in folders]
    if any(run.sides for run in runs):
        _write_comparison(runs, out, formats)
        return
    built = build_report(runs, limits)
    names = None if columns is None else [name.strip() for name in columns.split(",")]
    table = None if names is None else variant_table(built.data, names)
    if out is None:
        print_report_file(built, table, formats[0])
    elif table is not None:
        save_table(table, out, formats)
    else:
        save(built, out, formats)


def _check_formats(formats: Sequence[str], out: Path | None, columns: str | None) -> None:
    from bench.errors import InputError
    from bench.report.formats import FORMATS, TABLE_FORMATS
    from simam.registry import did_you_mean

    known = FORMATS if columns is None else TABLE_FORMATS
    for name in formats:
        if name not in known:
            reason = (
                "a page, which has no --columns" if name in FORMATS else f"no such format; {did_you_mean(name, known)}"
            )
            raise InputError(f"--format {name}: {reason}")
    if out is None and (len(formats) > 1 or formats[0] not in PRINTED):
        raise InputError(f"--format {','.join(formats)}: name the folder to write to with --out DIR")


def _write_comparison(runs: "Sequence[StoredRun]", out: Path | None, formats: Sequence[str]) -> None:
    """Write the report of a comparison of two revisions."""
    from bench.errors import InputError
    from bench.report.writer import sides_page
    from bench.results.compare import compare_sides
    from bench.store.files import make_folder, write_whole

    if len(runs) > 1 or list(formats) != ["md"]:
        compared = next(run for run in runs if run.sides)
        raise InputError(f"{compared.path} compares two revisions; report it alone, and in Markdown only")
    page = sides_page(runs[0], compare_sides(runs[0]))
    if out is None:
        print(page)
    else:
        write_whole(make_folder(out) / "report.md", page)
