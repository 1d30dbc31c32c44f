"""The command line, as a table of contents. What is heavy is imported by the command that needs it."""

import os
import signal
import sys
import traceback
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


class Format(str, Enum):
    """How verdicts are shown."""

    terminal = "terminal"
    markdown = "markdown"
    json = "json"


SuiteFile = Annotated[Path, typer.Argument(help="A suite file, such as suites/smoke.yaml.", metavar="SUITE")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="Replace a value of the suite, as in measures.latency.budget=10s.", metavar="KEY=VALUE"),
]
Only = Annotated[
    list[str] | None,
    typer.Option(help="Keep a part of the grid, as in backbone=resnet18 or measure=latency.", metavar="KEY=VALUE"),
]

Form = Annotated[Format, typer.Option("--format", help="How to show the verdicts.")]
GitHub = Annotated[
    bool, typer.Option("--github", help="Also write the job summary and annotations of a GitHub Actions job.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Exit 3 where anything is inconclusive.")]
Where = Annotated[Device, typer.Option(help="Where to measure; auto takes a GPU if there is one.")]


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
    device: Where = Device.auto,
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


@app.command(
    epilog="Examples: `python -m bench plan suites/smoke.yaml` and "
    "`python -m bench plan suites/accuracy_cifar10_quick.yaml --resolve 0.3 --spread 0.2`"
)
def plan(
    suite: SuiteFile,
    only: Only = None,
    settings: Settings = None,
    resolve: Annotated[
        float | None, typer.Option(help="Also say how many seeds find this difference in accuracy.", metavar="POINTS")
    ] = None,
    spread: Annotated[
        str | None,
        typer.Option(
            help="With --resolve: how much differences scatter from seed to seed, or a run that shows it.",
            metavar="POINTS|RUN",
        ),
    ] = None,
) -> None:
    """Show the grid of a suite and about how long it takes, without measuring anything."""
    from bench.commands import show_plan
    from bench.errors import InputError

    with _errors_for_people():
        if spread is not None and resolve is None:
            raise InputError("--spread goes with --resolve")
        show_plan(_plan(suite, settings, only), resolve, spread)


@app.command(epilog="Example: `python -m bench report runs/accuracy runs/latency --out pages --format md,html`")
def report(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs.", metavar="RUN...")],
    out: Annotated[
        Path | None, typer.Option(help="Folder to write to; default standard output.", metavar="DIR")
    ] = None,
    formats: Annotated[
        str, typer.Option("--format", help="Any of md, html, latex, csv and parquet, with commas between.")
    ] = "md",
) -> None:
    """Tell of one or several runs, merged: a page to read, tables for papers and for programs."""
    from bench.reports import write_report

    with _errors_for_people():
        write_report(runs, out, formats.split(","))


@app.command(epilog="Example: `python -m bench compare runs/before runs/after --format markdown`")
def compare(
    base: Annotated[Path, typer.Argument(help="Folder of the earlier run.", metavar="BASE")],
    new: Annotated[Path, typer.Argument(help="Folder of the later run.", metavar="NEW")],
    accept: Annotated[
        list[str] | None,
        typer.Option(help="Compare times though this differs: device, cpu, gpu, threads or torch.", metavar="KEY"),
    ] = None,
    form: Form = Format.terminal,
    github: GitHub = False,
    strict: Strict = False,
) -> None:
    """Say what regressed from one run to another.

    Exit 0: nothing regressed. 1: something did. 2: bad input. 3: a measurement failed or vanished, the runs are
    incomparable, or nothing could be told.
    """
    from bench.commands import compare_folders

    with _errors_for_people():
        code = compare_folders(base, new, accept or [], form.value, github, strict)
    raise typer.Exit(code)


@app.command(epilog="Example, from inside the checkout: `python -m bench ab main WORKTREE suites/smoke.yaml`")
def ab(
    a: Annotated[str, typer.Argument(help="The earlier revision: a commit, branch or tag.", metavar="REV_A")],
    b: Annotated[str, typer.Argument(help="The later one, or WORKTREE: what lies here now.", metavar="REV_B")],
    suite: SuiteFile,
    out: Annotated[Path | None, typer.Option(help="Folder to make; default runs/ab-SUITE-TIME.")] = None,
    device: Where = Device.auto,
    only: Only = None,
    settings: Settings = None,
    form: Form = Format.terminal,
    github: GitHub = False,
    strict: Strict = False,
) -> None:
    """Say what regressed from one git revision to another, measured in alternation.

    Both are checked out beside one another, and their processes are timed block by block in one shuffled order.
    `simam`, and what the suite imports, come from each revision; the harness is this one.

    Exit codes as of `compare`.
    """
    from bench.commands import compare_revisions

    with _errors_for_people():
        plan = _plan(suite, settings, only)
        code = compare_revisions(plan, (a, b), out, device.value, form.value, github, strict)
    raise typer.Exit(code)


@app.command(epilog="Example: `python -m bench calibrate reports/calibration --rounds 20`")
def calibrate(
    folder: Annotated[Path, typer.Argument(help="Where the rounds are, or shall be.", metavar="DIR")],
    rounds: Annotated[int, typer.Option(min=0, help="How many rounds there shall be; each takes about 6 minutes.")] = 0,
    compare_suite: Annotated[Path, typer.Option(help="What `compare` is judged on.")] = Path(
        "suites/calibrate_compare.yaml"
    ),
    ab_suite: Annotated[Path, typer.Option(help="What `ab` is judged on.")] = Path("suites/calibrate_ab.yaml"),
    device: Where = Device.auto,
) -> None:
    """Judge the judge: how often the gate, and its peers, cry wolf on this machine, and what they find.

    Rounds that are there are kept, so a killed calibration goes on with the same command, and more can be added later.
    """
    from bench.commands import calibrate as carry_out

    with _errors_for_people():
        carry_out(_plan(compare_suite), _plan(ab_suite), folder, rounds, device.value)


@app.command("list", epilog="Example: `python -m bench list backbones`")
def list_(kind: Annotated[Kind | None, typer.Argument(help="What to list; default all.")] = None) -> None:
    """List the names that a suite may use."""
    from bench.commands import show_names

    with _errors_for_people():
        show_names([kind.value] if kind else [each.value for each in Kind])


@app.command(epilog="Example: `python -m bench doctor --device cpu`")
def doctor(
    device: Annotated[Device, typer.Option(help="What to measure on; auto takes a GPU if there is one.")] = Device.auto,
) -> None:
    """Say whether this machine is fit to measure on, and what to do where it is not. Takes about half a minute.

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
    """What a user can mend is a message and exit 2; anything else is a defect, with its traceback and exit 3.

    Never 1, which Python would make of it and which says that something regressed.
    """
    from bench.errors import InputError, Interrupted

    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError as error:  # whoever read this, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(128 + signal.SIGPIPE) from error
    except InputError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(error.exit_code) from error
    except Interrupted as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(128 + error.number) from error
    except Exception as error:
        traceback.print_exc()
        raise typer.Exit(FAILED) from error
