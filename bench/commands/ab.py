"""``ab``: measure two git revisions alternately and report regressions."""

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.failures import user_errors
from bench.commands.options import (
    Device,
    DeviceOption,
    FormatOption,
    GitHub,
    InconclusiveOption,
    InconclusivePolicy,
    Only,
    Settings,
    SuiteArgument,
    VerdictFormat,
    load_plan,
)

EXAMPLES = "Example, from inside the checkout: `simam-bench ab main WORKTREE suites/smoke.yaml`"


def ab(
    a: Annotated[str, typer.Argument(help="The earlier revision: a commit, branch or tag.", metavar="REV_A")],
    b: Annotated[str, typer.Argument(help="The later revision, or WORKTREE for the current files.", metavar="REV_B")],
    suite: SuiteArgument,
    out: Annotated[Path | None, typer.Option(help="Folder to create; default runs/ab-SUITE-TIME.")] = None,
    device: DeviceOption = Device.auto,
    only: Only = None,
    settings: Settings = None,
    form: FormatOption = VerdictFormat.terminal,
    github: GitHub = False,
    on_inconclusive: InconclusiveOption = InconclusivePolicy.warn,
) -> None:
    """Measure two git revisions alternately and report regressions.

    Both revisions are checked out, and blocks of calls in their processes are timed in one shuffled order.
    `simam` and all modules that the suite names come from each revision; `bench` comes from the current checkout.

    Exit codes: as for `compare`.
    """
    from rich.console import Console
    from rich.markup import escape

    from bench.ab.session import compare_revisions
    from bench.commands.verdicts import job_summary_file, print_verdicts
    from bench.report.writer import sides_page
    from bench.results.compare import compare_sides
    from bench.store.directory import RunDirectory
    from bench.store.stored_run import StoredRun

    with user_errors():
        plan = load_plan(suite, settings, only)
        job_summary, console = job_summary_file(form.value) if github else None, Console(stderr=True)
        folder = compare_revisions(plan, (a, b), Path.cwd(), out, device.value, console)
        run = StoredRun.load(folder)
        verdicts = compare_sides(run)
        with RunDirectory(folder) as directory:
            directory.write("report.md", sides_page(run, verdicts))
        code = print_verdicts(verdicts, form.value, job_summary, on_inconclusive.value)
        console.print(f"report: {escape(str(folder / 'report.md'))}", soft_wrap=True)
    raise typer.Exit(code)
