"""Arguments and options that several commands share."""

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bench.suite.plan import Plan


class Device(str, Enum):
    """Device to measure on."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class VerdictFormat(str, Enum):
    """Format of printed verdicts."""

    terminal = "terminal"
    markdown = "markdown"
    json = "json"


SUITE_HELP = "A suite file, or the name of a built-in suite such as smoke."

SuiteArgument = Annotated[Path, typer.Argument(help=SUITE_HELP, metavar="SUITE")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="Replace a value of the suite, as in measures.latency.budget=10s.", metavar="KEY=VALUE"),
]
Only = Annotated[
    list[str] | None,
    typer.Option(help="Keep a part of the grid, as in backbone=resnet18 or measure=latency.", metavar="KEY=VALUE"),
]
DeviceOption = Annotated[Device, typer.Option(help="Device to measure on; auto chooses a GPU if there is one.")]
FormatOption = Annotated[VerdictFormat, typer.Option("--format", help="Format of the printed verdicts.")]
GitHub = Annotated[
    bool, typer.Option("--github", help="Also write the job summary and annotations of a GitHub Actions job.")
]


class InconclusivePolicy(str, Enum):
    """Effect of a single inconclusive verdict, see :data:`bench.results.verdicts.OnInconclusive`."""

    fail = "fail"
    warn = "warn"
    pass_ = "pass"


InconclusiveOption = Annotated[
    InconclusivePolicy,
    typer.Option(
        "--on-inconclusive",
        help="Effect of one inconclusive value: exit with 3, a warning (with --github), or none.",
    ),
]


def load_plan(suite: Path, settings: list[str] | None = None, only: list[str] | None = None) -> "Plan":
    """The plan of a suite file or a built-in suite.

    Raises:
        SuiteError: there is no such suite, or something in it is wrong.
    """
    from bench.suite.load import find_suite, load_suite
    from bench.suite.plan import expand

    return expand(load_suite(find_suite(suite), settings or (), only or ()))
