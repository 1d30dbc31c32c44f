"""``compare``: compare two stored runs and report regressions."""

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.failures import user_errors
from bench.commands.options import FormatOption, GitHub, InconclusiveOption, InconclusivePolicy, VerdictFormat

EXAMPLES = "Example: `simam-bench compare runs/before runs/after --format markdown`"


def compare(
    base: Annotated[Path, typer.Argument(help="Folder of the earlier run.", metavar="BASE")],
    new: Annotated[Path, typer.Argument(help="Folder of the later run.", metavar="NEW")],
    accept: Annotated[
        list[str] | None,
        typer.Option(help="Compare times even if this differs: device, cpu, gpu, threads or torch.", metavar="KEY"),
    ] = None,
    form: FormatOption = VerdictFormat.terminal,
    github: GitHub = False,
    on_inconclusive: InconclusiveOption = InconclusivePolicy.warn,
) -> None:
    """Compare two stored runs and report regressions.

    Exit codes: 0: nothing regressed. 1: something regressed. 2: bad input. 3: a measurement failed or is missing, the
    runs are incomparable, or all times, all accuracies or all counts are inconclusive.
    """
    from bench.commands.verdicts import job_summary_file, print_verdicts
    from bench.errors import InputError
    from bench.results.compare import compare_runs
    from bench.store.stored_run import StoredRun

    with user_errors():
        job_summary = job_summary_file(form.value) if github else None
        before, after = StoredRun.load(base), StoredRun.load(new)
        for run in (before, after):
            if run.sides:
                raise InputError(f"{run.path} compares two revisions; its verdicts are in {run.path / 'report.md'}")
        verdicts = compare_runs(before, after, accept or ())
        code = print_verdicts(verdicts, form.value, job_summary, on_inconclusive.value)
    raise typer.Exit(code)
