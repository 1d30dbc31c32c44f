"""The command line, as a table of contents. What is heavy is imported by the command that needs it."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bench.suite.plan import Plan

OK, FAILED = 0, 3

app = typer.Typer(
    name="bench",
    help="What does an attention module cost, what does it bring, and how sure is that?",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
)


class Device(str, Enum):
    """Where to measure."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class Kind(str, Enum):
    """What can be listed."""

    attention = "attention"
    backbones = "backbones"
    placements = "placements"
    measures = "measures"
    suites = "suites"


SuiteFile = Annotated[Path, typer.Argument(help="A suite file, such as suites/smoke.yaml.", metavar="SUITE")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="Replace a value of the suite, as in measures.latency.budget=10s.", metavar="KEY=VALUE"),
]
Only = Annotated[
    list[str] | None,
    typer.Option(help="Keep a part of the grid, as in backbone=resnet18 or measure=latency.", metavar="KEY=VALUE"),
]


@app.command(
    epilog="Examples: `python -m bench run suites/smoke.yaml --set measures.latency.budget=20s` and, after a kill, "
    "`python -m bench run --resume runs/smoke-20260101-120000`"
)
def run(
    suite: Annotated[Path | None, typer.Argument(help="A suite file, such as suites/smoke.yaml.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to make; default runs/SUITE-TIME.")] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Folder of a run that ended early: measure what is missing.")
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="With --resume: what failed, again.")] = False,
    device: Annotated[Device, typer.Option(help="Where to measure; auto takes a GPU if there is one.")] = Device.auto,
    only: Only = None,
    settings: Settings = None,
) -> None:
    """Measure a suite and write its report.

    Exit 0: all measured. 2: bad input, nothing measured. 3: something failed, the rest is there. 128 + the signal's
    number: stopped by it.
    """
    from bench.commands import resume_run, run_suite
    from bench.errors import InputError

    with _errors_for_people():
        if resume is None and suite is not None and not retry_failed:
            failed = run_suite(_plan(suite, settings, only), out, device.value)
        elif resume is not None and suite is None and out is None and not settings:
            failed = resume_run(resume, only or [], retry_failed, device.value)
        else:
            raise InputError(
                "write either `run SUITE`, or `run --resume DIR` with no suite, no --out and no --set: the folder has "
                "its suite; --retry-failed goes with --resume"
            )
    raise typer.Exit(FAILED if failed else OK)


@app.command(epilog="Example: `python -m bench plan suites/smoke.yaml`")
def plan(suite: SuiteFile, only: Only = None, settings: Settings = None) -> None:
    """Show the grid of a suite and about how long it takes, without measuring anything."""
    from bench.commands import show_plan

    with _errors_for_people():
        show_plan(_plan(suite, settings, only))


@app.command(epilog="Example: `python -m bench report runs/smoke-20260101-120000 --out report.md`")
def report(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs.", metavar="RUN...")],
    out: Annotated[Path | None, typer.Option(help="File to write; default standard output.")] = None,
) -> None:
    """Write the Markdown report of one or several runs."""
    from bench.commands import write_report

    with _errors_for_people():
        write_report(runs, out)


@app.command("list", epilog="Example: `python -m bench list backbones`")
def list_(kind: Annotated[Kind | None, typer.Argument(help="What to list; default all.")] = None) -> None:
    """List the names that a suite may use."""
    from bench.commands import show_names

    show_names([kind.value] if kind else [each.value for each in Kind])


@app.command(epilog="Example: `python -m bench doctor --device cpu`")
def doctor(
    device: Annotated[Device, typer.Option(help="What to measure on; auto takes a GPU if there is one.")] = Device.auto,
) -> None:
    """Say whether this machine is fit to measure on, and what to do where it is not. Takes about 20 s.

    Exit 0: fit. 2: bad usage. 3: something is not fine.
    """
    from bench.commands import examine

    with _errors_for_people():
        fit = examine(device.value)
    raise typer.Exit(OK if fit else FAILED)


def main() -> None:
    """Run the command line."""
    app()


def _plan(path: Path, settings: list[str] | None = None, only: list[str] | None = None) -> "Plan":
    from bench.suite.load import load_suite
    from bench.suite.plan import expand

    return expand(load_suite(path, settings or (), only or ()))


@contextmanager
def _errors_for_people() -> Iterator[None]:
    """What a user can mend is a message and exit 2; anything else is a defect and keeps its traceback."""
    from bench.errors import InputError, Interrupted

    try:
        yield
    except InputError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(error.exit_code) from error
    except Interrupted as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(128 + error.number) from error
