"""The command line: the list of commands. Each command imports heavy modules only when it runs."""

from typing import Annotated

import typer

from bench.commands import ab, calibrate, compare, doctor, import_results, list_names, plan, report, run
from bench.commands.failures import refuse_hidden_packages

app = typer.Typer(
    name="simam-bench",
    help="Measure the cost and the accuracy gain of attention modules, with confidence intervals.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
)

app.command(epilog=run.EXAMPLES)(run.run)
app.command(epilog=plan.EXAMPLES)(plan.plan)
app.command(epilog=report.EXAMPLES)(report.report)
app.command("import", epilog=import_results.EXAMPLES)(import_results.import_results)
app.command(epilog=compare.EXAMPLES)(compare.compare)
app.command(epilog=ab.EXAMPLES)(ab.ab)
app.command(epilog=doctor.EXAMPLES)(doctor.doctor)
app.command("list", epilog=list_names.EXAMPLES)(list_names.list_names)
app.command(epilog=calibrate.EXAMPLES)(calibrate.calibrate)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"simam-bench {version('simam-bench')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options of the program itself."""


def main() -> None:
    """Run the command line."""
    refuse_hidden_packages()
    app(prog_name="simam-bench")
