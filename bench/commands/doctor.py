"""``doctor``: check whether this machine is fit to measure on."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands.failures import FAILED, OK, user_errors
from bench.commands.options import Device

if TYPE_CHECKING:
    from bench.doctor.findings import Finding

EXAMPLES = "Example: `simam-bench doctor --device cpu`"

LABELS = {True: "ok", False: "not ok", None: "unknown"}
STYLES = {True: "", False: "red", None: "dim"}


def doctor(
    device: Annotated[Device, typer.Option(help="Device to check; auto chooses a GPU if there is one.")] = Device.auto,
) -> None:
    """Check whether this machine is fit to measure on, and print remedies. Takes about half a minute.

    Exit codes: 0: the machine is fit. 2: bad usage. 3: a check failed.
    """
    from functools import partial

    from rich.console import Console

    from bench.doctor.findings import diagnose
    from bench.doctor.probes import read_facts
    from bench.run.executors.local import LocalProcesses

    with user_errors():
        progress = Console(stderr=True)
        with LocalProcesses() as execute:
            facts = read_facts(device.value, execute, partial(progress.print, markup=False, highlight=False))
        findings = diagnose(facts)
        show = _print_table if sys.stdout.isatty() else _print_lines
        show(findings)
        wrong = [finding.name for finding in findings if finding.ok is False]
        print(f"not fit to measure on: {', '.join(wrong)}" if wrong else "fit to measure on")
    raise typer.Exit(FAILED if wrong else OK)


def _print_table(findings: "Sequence[Finding]") -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(show_header=False, box=box.HORIZONTALS)
    for finding in findings:
        remedy = f"\n[bold]{escape(finding.remedy)}[/]" if finding.remedy else ""
        table.add_row(LABELS[finding.ok], finding.name, escape(finding.observed) + remedy, style=STYLES[finding.ok])
    Console(highlight=False).print(table)


def _print_lines(findings: "Sequence[Finding]") -> None:
    for finding in findings:
        print(f"{LABELS[finding.ok]:<9}{finding.name:<17}{finding.observed}")
        if finding.remedy:
            print(f"{'':<9}{'remedy:':<17}{finding.remedy}")
