"""The report of stored runs as files."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import RunError
from bench.report.numbers import escape_markdown
from bench.store.files import make_folder, write_whole
from bench.store.stored_run import StoredRun

if TYPE_CHECKING:
    from bench.report.page import Report
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


def build_report(runs: Sequence[StoredRun]) -> "Report":
    """The report of one or several runs together.

    Raises:
        RunError: a run has no records or no environment.
    """
    from bench.report.page import compose

    for run in runs:
        if not run.environments:
            raise RunError(f"{run.path / 'environment.json'} is missing or empty: the origin of the records is unknown")
    with _without_garbage_collection():
        return compose(runs)


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
        for path, content in FORMATS[name](report):
            file = folder / path
            write_whole(make_folder(file.parent) / file.name, content)


def sides_page(run: StoredRun, verdicts: "Sequence[Verdict]") -> str:
    """The report of a comparison of two revisions, as Markdown."""
    from bench.report.verdicts import verdicts_markdown

    sides = (f"{name}: {escape_markdown(side.revision)} ({side.commit[:12]})" for name, side in run.sides.items())
    return f"# B compared with A\n\n{', '.join(sides)}\n\n{verdicts_markdown(verdicts)}"
