"""Measure two revisions, from their checkouts to the last record."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from bench.ab.pairs import (
    Checkout,
    build_extension,
    paired_plan,
    time_pair_again,
    time_pairs,
    tree_launch,
    untimed_plan,
    with_side_role,
)
from bench.ab.worktrees import commit_of, top_of_checkout, worktrees
from bench.errors import InputError
from bench.run.environment import read_environment
from bench.run.executors.local import LocalProcesses
from bench.run.progress import ProgressDisplay, progress_display
from bench.run.readiness import warn_if_unfit
from bench.run.runner import Runner, was_too_disturbed, worth_repeating
from bench.run.session import announce_precision, announce_repetition, interruptible
from bench.run.time_estimates import estimates_from
from bench.store.directory import RUNS, RunDirectory
from bench.store.record import Record
from bench.store.sides import FILE, ComparedRevision, sides_as_json
from bench.suite.plan import Member, Plan, Unit

SIDE_NAMES = ("A", "B")
RESTART_ADVICE = "start the comparison again, into another folder"
"""How to continue after an interruption. New processes would form other pairs, so a comparison cannot be resumed."""


def compare_revisions(
    plan: Plan, revisions: tuple[str, str], checkout: Path, path: Path | None, device: str, console: Console
) -> Path:
    """Measure a plan on two revisions into a new folder and return the folder.

    Args:
        plan: the plan.
        revisions: A and B: commits, branches, tags or ``WORKTREE``.
        checkout: a folder in the repository that has them.
        path: the folder to create; None for one in ``runs/``.
        device: "auto", "cpu" or "cuda".
        console: for progress.

    Raises:
        InputError: a revision does not exist or does not build, or the folder cannot be created or written.
        Interrupted: by Ctrl-C or SIGTERM.
    """
    path = path or RUNS / f"ab-{plan.suite.name}-{datetime.now():%Y%m%d-%H%M%S}"
    if path.exists():
        raise InputError(f"{path} exists already; name another folder with --out")
    plan = paired_plan(plan)
    top = top_of_checkout(checkout)
    commits = [commit_of(top, revision) for revision in revisions]
    with interruptible("nothing was measured yet"), worktrees(top, commits) as trees:
        checkouts = _prepare(trees[0], top, device), _prepare(trees[1], top, device)
        with (
            RunDirectory.create(path, plan.suite.to_yaml(), RESTART_ADVICE) as directory,
            interruptible(f"all records written before are in {path}; {RESTART_ADVICE}"),
        ):
            sides = {
                name: ComparedRevision(revision, commit, prepared.environment.id)
                for name, revision, commit, prepared in zip(SIDE_NAMES, revisions, commits, checkouts, strict=True)
            }
            directory.write(FILE, sides_as_json(sides))
            for prepared in checkouts:
                directory.add_environment(prepared.environment)
            warn_if_unfit(console)
            console.print(f"measuring into {escape(str(path))}", soft_wrap=True)
            with progress_display(list(plan.units()), estimates_from(RUNS), console) as display:
                _measure(plan, checkouts, directory, display, console)
    return path


def _prepare(tree: Path, top: Path, device: str) -> Checkout:
    """Build a revision and read its environment."""
    build_extension(tree)
    launch = tree_launch(tree, top)
    with LocalProcesses(launch=launch) as execute:
        return Checkout(launch, read_environment(device, execute, tree))


def _measure(
    plan: Plan,
    checkouts: tuple[Checkout, Checkout],
    directory: RunDirectory,
    display: ProgressDisplay,
    console: Console,
) -> None:
    device = checkouts[0].environment.facts["device"]
    for side, checkout in enumerate(checkouts):
        # Each unit is shown once: it starts with the first revision and is done with the second.
        on_start = display.start if side == 0 else _ignore_start
        with LocalProcesses(launch=checkout.launch) as execute:
            runner = Runner(execute, device, checkout.environment.id, on_start)
            for unit, records in runner.run(untimed_plan(plan), {}):
                directory.append([with_side_role(record, side) for record in records])
                if side == 1:
                    display.done(unit)
    disturbed: dict[Unit, Sequence[Record]] = {}
    timed = [unit for unit in plan.units() if unit.group.timed]
    for unit, records in time_pairs(plan, timed, checkouts, device, display.start):
        directory.append(records)
        display.done(unit)
        announce_precision(unit, records, plan.suite, console)
        if was_too_disturbed(records):
            disturbed[unit] = records
    repeated = worth_repeating(disturbed)
    announce_repetition(len(repeated), console)
    for unit in repeated:
        directory.append(time_pair_again(plan, unit, disturbed[unit], checkouts, device, display.start))


def _ignore_start(unit: Unit, member: Member, progress: str = "") -> None:
    """Show nothing."""
