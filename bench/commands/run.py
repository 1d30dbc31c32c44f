"""``run``: measure a suite and write its report."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands.failures import FAILED, OK, user_errors
from bench.commands.options import SUITE_HELP, Device, DeviceOption, Only, Settings, load_plan

if TYPE_CHECKING:
    from rich.console import Console

EXAMPLES = (
    "Examples: `simam-bench run smoke`, `simam-bench run suites/latency.yaml --set measures.latency.budget=20s` and, "
    "after a kill, `simam-bench run --resume runs/smoke-20260101-120000`"
)


def run(
    suite: Annotated[Path | None, typer.Argument(help=SUITE_HELP)] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to create; default runs/SUITE-TIME.")] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Folder of an interrupted run, whose missing units are measured.")
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="With --resume: also measure failed units again.")
    ] = False,
    device: DeviceOption = Device.auto,
    only: Only = None,
    settings: Settings = None,
) -> None:
    """Measure a suite and write its report.

    Exit codes: 0: everything was measured. 2: bad input; nothing was measured. 3: something failed; the other results
    are stored. 128 + N: stopped by signal N.
    """
    from rich.console import Console

    from bench.errors import InputError
    from bench.run import session

    console = Console(stderr=True)
    with user_errors():
        if resume is None and suite is not None and not retry_failed:
            folder = session.begin(load_plan(suite, settings, only), out, device.value, console)
        elif resume is not None and suite is None and out is None and not settings:
            folder = session.resume(resume, only or [], retry_failed, device.value, console)
        else:
            raise InputError(
                "use either `run SUITE` or `run --resume DIR`; --resume accepts no suite, --out or --set, because the "
                "folder contains the suite; --retry-failed needs --resume"
            )
        failed = _report(folder, console)
    raise typer.Exit(FAILED if failed else OK)


def _report(folder: Path, console: "Console") -> bool:
    """Print a summary and write the report of a run. Returns whether anything failed."""
    from rich.console import Console
    from rich.markup import escape

    from bench.report.formats.terminal import WIDTH, print_report
    from bench.report.writer import build_report, save
    from bench.store.directory import RunDirectory
    from bench.store.stored_run import StoredRun

    run = StoredRun.load(folder)
    report = build_report([run])
    with RunDirectory(folder):
        save(report, folder, ["md"])
    print_report(report, Console() if sys.stdout.isatty() else Console(width=WIDTH))
    failed = sum(record.status == "failed" for record in run.records)
    if failed:
        console.print(f"{failed} measurements failed; the report lists them with their causes")
    console.print(f"report: {escape(str(folder / 'report.md'))}", soft_wrap=True)
    return failed > 0
