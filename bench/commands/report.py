"""``report``: write the report of one or several stored runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands.failures import user_errors

if TYPE_CHECKING:
    from bench.store.stored_run import StoredRun

EXAMPLES = "Example: `simam-bench report runs/accuracy runs/latency --out pages --format md,html`"


def report(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs.", metavar="RUN...")],
    out: Annotated[
        Path | None, typer.Option(help="Folder to write to; default standard output.", metavar="DIR")
    ] = None,
    formats: Annotated[
        str, typer.Option("--format", help="Any of md, html, latex, csv and parquet, separated by commas.")
    ] = "md",
) -> None:
    """Write the report of one run, or of several merged runs, in one or several formats."""
    with user_errors():
        _write(runs, out, formats.split(","))


def _write(folders: Sequence[Path], out: Path | None, formats: Sequence[str]) -> None:
    """Write the report of stored runs into a folder, or as Markdown to standard output.

    Raises:
        InputError: a run cannot be read, a format is unknown, or runs, formats and folder cannot be combined.
    """
    from bench.errors import InputError
    from bench.report.formats import FORMATS
    from bench.report.formats.markdown import page_markdown
    from bench.report.writer import build_report, save
    from bench.store.stored_run import StoredRun
    from simam.registry import did_you_mean

    for name in formats:
        if name not in FORMATS:
            raise InputError(f"--format {name}: no such format; {did_you_mean(name, FORMATS)}")
    if out is None and list(formats) != ["md"]:
        raise InputError(f"--format {','.join(formats)}: name the folder to write to with --out DIR")
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise InputError("a run is given twice; its processes would count twice")
    runs = [StoredRun.load(folder) for folder in folders]
    if any(run.sides for run in runs):
        _write_comparison(runs, out, formats)
    elif out is None:
        print(page_markdown(build_report(runs).page))
    else:
        save(build_report(runs), out, formats)


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
