"""Two revisions, from their checkouts to their last record."""

import json
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from bench.errors import InputError
from bench.run.ab import Side, build_extension, launch, on_side, paired_plan, time_pairs, untimed
from bench.run.directory import RUNS, RunDirectory
from bench.run.environment import read_environment
from bench.run.executor import LocalProcesses
from bench.run.prices import prices_from
from bench.run.progress import Observer, observer
from bench.run.runner import Runner
from bench.run.session import stops
from bench.run.worker import Member
from bench.run.worktrees import commit, repository, worktrees
from bench.suite.plan import Plan, Unit

NAMES = ("A", "B")
AGAIN = "to be judged it has to be measured again, into another folder"
"""How a comparison that was stopped goes on: its processes are gone, and others are other pairs."""


def compare_revisions(
    plan: Plan, revisions: tuple[str, str], checkout: Path, path: Path | None, device: str, console: Console
) -> Path:
    """Measure a plan on two revisions, into a new folder. Returns the folder.

    Args:
        plan: what to measure on both.
        revisions: A and B; commits, branches, tags, or ``WORKTREE``.
        checkout: a folder in the repository that has them.
        path: the folder to make; None for one in ``runs/``.
        device: "auto", "cpu" or "cuda".
        console: for progress.

    Raises:
        InputError: no such revision, one does not build, or the folder cannot be made or written.
        Interrupted: by Ctrl-C or SIGTERM.
    """
    path = path or RUNS / f"ab-{plan.suite.name}-{datetime.now():%Y%m%d-%H%M%S}"
    if path.exists():
        raise InputError(f"{path} exists already; name another folder with --out")
    plan = paired_plan(plan)
    top = repository(checkout)
    commits = [commit(top, revision) for revision in revisions]
    with stops("nothing was measured yet"), worktrees(top, commits) as trees:
        sides = _side(trees[0], top, device), _side(trees[1], top, device)
        with RunDirectory.create(path, plan.suite, AGAIN) as folder, stops(f"what was measured is in {path}; {AGAIN}"):
            told = {
                name: {"revision": revision, "commit": full, "environment": side.environment.id}
                for name, revision, full, side in zip(NAMES, revisions, commits, sides, strict=True)
            }
            folder.write("sides.json", json.dumps(told, indent=2) + "\n")
            for side in sides:
                folder.add_environment(side.environment)
            console.print(f"measuring into {escape(str(path))}", soft_wrap=True)
            with observer(list(plan.units()), prices_from(RUNS), console) as watch:
                _measure(plan, sides, folder, watch)
    return path


def _side(tree: Path, top: Path, device: str) -> Side:
    build_extension(tree)
    start = launch(tree, top)
    with LocalProcesses(launch=start) as execute:
        return Side(start, read_environment(device, execute, tree))


def _measure(plan: Plan, sides: tuple[Side, Side], folder: RunDirectory, watch: Observer) -> None:
    device = sides[0].environment.facts["device"]
    for number, side in enumerate(sides):
        with LocalProcesses(launch=side.launch) as execute:
            runner = Runner(execute, device, side.environment.id, watch.start if number == 0 else _untold)
            for unit, records in runner.run(untimed(plan), {}):
                folder.append([on_side(record, number) for record in records])
                if number == 1:
                    watch.done(unit)
    for unit, records in time_pairs(plan, sides, device, watch.start):
        folder.append(records)
        watch.done(unit)


def _untold(unit: Unit, member: Member, reached: str = "") -> None:
    """The second side of a unit of work is no new one."""
