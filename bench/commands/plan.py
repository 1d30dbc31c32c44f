"""``plan``: show the grid of a suite and the estimated time."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands.failures import user_errors
from bench.commands.options import Only, Settings, SuiteArgument, load_plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from bench.suite.plan import Group, Plan

EXAMPLES = (
    "Examples: `simam-bench plan smoke --check` and "
    "`simam-bench plan accuracy_cifar10_quick --resolve 0.3 --spread 0.2`"
)

DEFAULT_SPREAD = 0.25
"""Standard deviation of paired differences over seeds, in percentage points, if there is no --spread."""


def plan(
    suite: SuiteArgument,
    only: Only = None,
    settings: Settings = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Also build every network and check every measure, as `run` does at its start."),
    ] = False,
    resolve: Annotated[
        float | None,
        typer.Option(
            help="Also print the number of seeds that detect this difference in top-1, in percentage points.",
            metavar="POINTS",
        ),
    ] = None,
    spread: Annotated[
        str | None,
        typer.Option(
            help="With --resolve: standard deviation of the paired differences over seeds, in percentage points, or "
            "the folder of a run that provides it.",
            metavar="POINTS|RUN",
        ),
    ] = None,
) -> None:
    """Show the grid of a suite and the estimated time, without measuring anything."""
    from rich.console import Console

    from bench.errors import InputError

    with user_errors():
        if spread is not None and resolve is None:
            raise InputError("--spread needs --resolve")
        expanded = load_plan(suite, settings, only)
        console = Console()
        _print_groups(expanded, console)
        _print_notes(expanded.notes, console)
        _print_expected_time(expanded, console)
        if check:
            from bench.run.session import check_buildable

            _print_notes(check_buildable(expanded), console)
            console.print("every network can be built, and every measure can start", highlight=False)
        if resolve is not None:
            console.print(_required_seeds(expanded, resolve, spread), highlight=False, soft_wrap=True)


def _print_groups(expanded: "Plan", console: "Console") -> None:
    console.print(f"{expanded.suite.name}: {expanded.suite.title}", markup=False, highlight=False)
    for group in expanded.groups:
        head = f"\n{group.measure.name}  {group.id}  {_replicates(group)}"
        console.print(head, markup=False, highlight=False, soft_wrap=True)
        for member in group.members:
            role = "" if member.role == "variant" else f"  {member.role}"
            console.print(f"  {member.cell.id}{role}", markup=False, highlight=False, soft_wrap=True)


def _print_notes(notes: "Sequence[str]", console: "Console") -> None:
    for note in notes:
        console.print(f"\nnote: {note}", markup=False, highlight=False, soft_wrap=True)


def _replicates(group: "Group") -> str:
    """The number of seeds, or of processes for a measure without seeds: "3 seeds"."""
    count, seeded = len(group.seeds), group.seeds[0] is not None
    if count == 1:
        return "1 seed" if seeded else "1 process"
    return f"{count} {'seeds' if seeded else 'processes'}"


def _print_expected_time(expanded: "Plan", console: "Console") -> None:
    from bench.run.time_estimates import estimates_from
    from bench.store.directory import RUNS

    units, estimates = list(expanded.units()), estimates_from(RUNS)
    known = sum(map(estimates.knows, units))
    source = (
        f"{known} of {len(units)} estimated from earlier runs in runs/"
        if known
        else "default estimates: no earlier runs in runs/"
    )
    seconds = sum(map(estimates, units))
    duration = f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
    groups, work = _plural(len(expanded.groups), "group"), _plural(len(units), "unit")
    console.print(f"\n{groups}, {work} of work, about {duration} ({source})", highlight=False)


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _required_seeds(expanded: "Plan", resolve: float, spread: str | None) -> str:
    """A sentence with the number of seeds that detect a difference."""
    from bench.errors import InputError
    from bench.results.accuracy import resolving_seeds

    groups = [group for group in expanded.groups if group.measure.name == "accuracy"]
    if not groups:
        raise InputError("--resolve needs the measure accuracy, which the suite does not contain")
    if not 0 < resolve < 100:
        raise InputError(f"--resolve {resolve:g}: give a difference between 0 and 100 percentage points")
    family = max(1, sum(len(group.variants) for group in groups))
    deviation, source = _deviation(spread)
    seeds = resolving_seeds(resolve, deviation, family)
    needed = f"needs {seeds} seeds" if seeds else "needs more than a thousand seeds"
    planned = max(len(group.seeds) for group in groups)
    return (
        f"\nDetecting a difference of {resolve:g} percentage points with 80 % power among {family} variants {needed}; "
        f"the suite has {planned} (standard deviation over seeds: {deviation:.2g} percentage points, {source})."
    )


def _deviation(given: str | None) -> tuple[float, str]:
    """Standard deviation of paired differences over seeds in percentage points, and its source."""
    from bench.errors import InputError

    if given is None:
        return DEFAULT_SPREAD, "assumed; set it with --spread"
    try:
        deviation = float(given)
    except ValueError:
        return _deviation_of_run(Path(given)), f"from {given}"
    if not 0 < deviation < 100:
        raise InputError(f"--spread {given}: give a number between 0 and 100 percentage points, or the folder of a run")
    return deviation, "from --spread"


def _deviation_of_run(folder: Path) -> float:
    from bench.errors import InputError
    from bench.results.accuracy import spread_of
    from bench.results.estimates import estimate
    from bench.store.stored_run import StoredRun

    deviation = spread_of(estimate(StoredRun.load(folder).frame))
    if deviation is None:
        raise InputError(f"--spread {folder}: no variant of that run has two or more seeds with different accuracies")
    return deviation
