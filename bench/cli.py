"""The command line, as a table of contents. What is heavy is imported by the command that needs it."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bench.suite.plan import Plan

OK, BAD_INPUT, FAILED = 0, 2, 3

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


@app.command(epilog="Example: `python -m bench run suites/smoke.yaml`")
def run(
    suite: SuiteFile,
    out: Annotated[Path | None, typer.Option(help="Folder to make; default runs/<suite>-<time>.")] = None,
    device: Annotated[Device, typer.Option(help="Where to measure; auto takes a GPU if there is one.")] = Device.auto,
) -> None:
    """Measure a suite and write its report. Exit 0: all measured; 2: bad input; 3: something failed."""
    from bench.commands import run_suite

    with _errors_for_people():
        failed = run_suite(_plan(suite), out, device.value)
    raise typer.Exit(FAILED if failed else OK)


@app.command(epilog="Example: `python -m bench plan suites/smoke.yaml`")
def plan(suite: SuiteFile) -> None:
    """Show the grid of a suite and about how long it takes, without measuring anything."""
    from bench.commands import show_plan

    with _errors_for_people():
        show_plan(_plan(suite))


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


def main() -> None:
    """Run the command line; Ctrl-C leaves quietly."""
    # Modules named "package.module:Name" are looked for beside the user, as `python -m` does.
    app()


def _plan(path: Path) -> "Plan":
    from bench.suite.load import load_suite
    from bench.suite.plan import expand

    return expand(load_suite(path))


@contextmanager
def _errors_for_people() -> Iterator[None]:
    """What a user can mend is a message and exit 2; anything else is a defect and keeps its traceback."""
    from bench.errors import InputError

    try:
        yield
    except InputError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(BAD_INPUT) from error
