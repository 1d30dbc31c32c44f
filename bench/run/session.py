"""A run from its beginning, or from where it was left, to its last record."""

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.markup import escape

from bench.errors import Interrupted
from bench.results.record import Record
from bench.run.check import check
from bench.run.directory import RUNS, RunDirectory, RunError, default_path, read_environments, read_sides
from bench.run.environment import Environment, read_environment
from bench.run.executor import Executor, LocalProcesses
from bench.run.prices import prices_from
from bench.run.progress import observer
from bench.run.runner import Runner, missing, settled_records
from bench.suite.load import load_suite
from bench.suite.plan import Plan, Unit, expand


def begin(plan: Plan, path: Path | None, device: str, console: Console) -> Path:
    """Measure a plan into a new folder. Returns the folder.

    Raises:
        InputError: a network cannot be built, or the folder cannot be made or written.
        Interrupted: by Ctrl-C or SIGTERM.
    """
    path = path or default_path(plan.suite, datetime.now())
    with stops(f"nothing was measured into {path} yet"), LocalProcesses() as execute:
        environment = read_environment(device, execute)
        check(plan, execute)
        with RunDirectory.create(path, plan.suite) as folder:
            _measure(plan, folder, environment, execute, {}, console)
    return path


def resume(path: Path, only: Sequence[str], retry_failed: bool, device: str, console: Console) -> Path:
    """Measure what is missing in the folder of an earlier run.

    Raises:
        InputError: there is no run, another process is at work in it, or time was measured in another environment.
        Interrupted: by Ctrl-C or SIGTERM.
    """
    with stops(_how_to_go_on(path)), RunDirectory.open(path) as folder, LocalProcesses() as execute:
        if read_sides(path):
            raise RunError(f"{path} compares two revisions, whose processes were paired; start that comparison again")
        plan = expand(load_suite(path / "suite.yaml", only=only))
        earlier = folder.records()
        there = settled_records(earlier, retry_failed)
        todo = missing(plan, there)
        if not todo:
            console.print("nothing is missing")
            return path
        before = read_environments(path)
        if device == "auto" and before:
            device = next(iter(before.values()))["facts"]["device"]
        environment = read_environment(device, execute)
        _refuse_mixing(todo, earlier, before, environment)
        check(plan, execute)
        _measure(plan, folder, environment, execute, there, console)
    return path


def _measure(
    plan: Plan,
    folder: RunDirectory,
    environment: Environment,
    execute: Executor,
    there: Mapping[Any, Record],
    console: Console,
) -> None:
    prices = prices_from(RUNS)
    folder.add_environment(environment)
    console.print(f"measuring into {escape(str(folder.path))}", soft_wrap=True)
    with stops(_how_to_go_on(folder.path)), observer(missing(plan, there), prices, console) as watch:
        scratch = folder.path / "checkpoints"
        device = environment.facts["device"]
        at_once = processes_at_once() if device == "cpu" else 1
        runner = Runner(execute, device, environment.id, watch.start, scratch, at_once)
        for unit, records in runner.run(plan, there):
            folder.append(records)
            watch.done(unit)


def processes_at_once() -> int:
    """How many processes may count at a time: one a core that this process may use, and not more memory than these."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_PROCESSES)


MOST_PROCESSES = 4
"""Each holds torch and the networks that it has built, about 1 GB."""


def _refuse_mixing(
    todo: Sequence[Unit], earlier: Sequence[Record], known: Mapping[str, Mapping[str, Any]], here: Environment
) -> None:
    """Times from two environments say nothing together; exact values and accuracies may come from anywhere."""
    timed = {unit.group.measure.name for unit in todo if unit.group.timed}
    others = {record.environment for record in earlier if record.measure in timed and record.status == "ok"} - {here.id}
    if others:
        there = known.get(min(others), {}).get("facts", {})
        keys = [key for key in here.facts if here.facts[key] != there.get(key)]
        differences = ", ".join(f"{key}: {there.get(key)} there, {here.facts[key]} here" for key in keys)
        raise RunError(
            f"cannot resume: {' and '.join(sorted(timed))} was measured in another environment ({differences}); "
            f"start a new run, or go on with what is exact, as in --only measure=complexity"
        )


def _how_to_go_on(path: Path) -> str:
    return f"what was measured is kept; go on with: python -m bench run --resume {path}"


@contextmanager
def stops(message: str) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the block with this message; workers are stopped on the way out."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Interrupted(f"interrupted; {message}", number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
