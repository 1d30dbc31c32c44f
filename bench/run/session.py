"""Run a plan into a new folder, or resume the run in a folder."""

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.markup import escape

from bench.errors import Interrupted, RunError
from bench.measure.latency import Latency
from bench.results.columns import Key
from bench.run.checks import check_plan
from bench.run.environment import read_environment
from bench.run.executors import Executor
from bench.run.executors.local import LocalProcesses
from bench.run.precision import expected_precision
from bench.run.progress import progress_display
from bench.run.readiness import warn_if_unfit
from bench.run.runner import Runner, finished_records, was_too_disturbed, worth_repeating
from bench.run.time_estimates import estimates_from
from bench.store.directory import RUNS, RunDirectory, default_path
from bench.store.environment import Environment
from bench.store.record import MeasuredRecord, Record
from bench.store.stored_run import DEFAULT_THRESHOLD, StoredRun
from bench.suite.plan import Plan, Unit
from bench.suite.suite import Suite


def check_buildable(plan: Plan) -> list[str]:
    """Check a plan as :func:`begin` does, without measuring anything. Returns sentences for the user.

    Raises:
        InputError: torch cannot be used, a network cannot be built, or a measure cannot start.
    """
    with LocalProcesses() as execute:
        return check_plan(plan, execute)


def begin(plan: Plan, path: Path | None, device: str, console: Console) -> Path:
    """Measure a plan into a new folder and return the folder.

    Args:
        plan: the plan.
        path: the folder; None for one in ``runs/``.
        device: "auto", "cpu" or "cuda".
        console: for progress.

    Raises:
        InputError: a network cannot be built, or the folder cannot be created or written.
        Interrupted: by Ctrl-C or SIGTERM.
    """
    path = path or default_path(plan.suite, datetime.now())
    with interruptible(f"nothing was measured into {path} yet"), LocalProcesses() as execute:
        environment = read_environment(device, execute)
        print_notes(check_plan(plan, execute), console)
        with RunDirectory.create(path, plan.suite.to_yaml()) as directory:
            _measure(plan, directory, environment, execute, {}, console)
    return path


def resume(path: Path, only: Sequence[str], retry_failed: bool, device: str, console: Console) -> Path:
    """Measure what is missing in the folder of an earlier run and return the folder.

    Args:
        path: the folder.
        only: settings ``KEY=VALUE`` that restrict the plan to a part.
        retry_failed: whether to measure failed and skipped members again.
        device: "cpu", "cuda", or "auto" for the device of the earlier run.
        console: for progress.

    Raises:
        InputError: there is no run, another process uses the folder, or times were measured in another environment.
        Interrupted: by Ctrl-C or SIGTERM.
    """
    with (
        interruptible(_resume_hint(path)),
        RunDirectory.open(path) as directory,
        LocalProcesses() as execute,
    ):
        earlier = StoredRun.load(path)
        if earlier.imported:
            raise RunError(f"{path} was imported from {earlier.imported}; there is nothing to resume")
        if earlier.sides:
            raise RunError(f"{path} compares two revisions in paired processes; start the comparison again")
        plan = earlier.plan(tuple(only))
        finished = finished_records(earlier.records, retry_failed)
        missing = plan.missing(finished)
        if not missing:
            console.print("nothing is missing")
            return path
        if device == "auto" and earlier.environments:
            device = earlier.facts["device"]
        environment = read_environment(device, execute)
        _refuse_mixed_environments(missing, earlier, environment)
        print_notes(check_plan(plan, execute), console)
        _measure(plan, directory, environment, execute, finished, console)
    return path


def _measure(
    plan: Plan,
    directory: RunDirectory,
    environment: Environment,
    execute: Executor,
    finished: Mapping[Key, Record],
    console: Console,
) -> None:
    estimates = estimates_from(RUNS)
    missing = plan.missing(finished)
    if any(unit.group.timed for unit in missing):
        warn_if_unfit(console)
    directory.add_environment(environment)
    print_notes(plan.notes, console)
    console.print(f"measuring into {escape(str(directory.path))}", soft_wrap=True)
    display = progress_display(missing, estimates, console)
    with interruptible(_resume_hint(directory.path)), display:
        device = environment.facts["device"]
        runner = Runner(
            execute,
            device,
            environment.id,
            on_start=display.start,
            scratch=directory.path / "checkpoints",
            parallel_units=parallel_processes() if device == "cpu" else 1,
        )
        disturbed: dict[Unit, Sequence[Record]] = {}
        for unit, records in runner.run(plan, finished):
            directory.append(records)
            display.done(unit)
            announce_precision(unit, records, plan.suite, console)
            if was_too_disturbed(records):
                disturbed[unit] = records
        repeated = worth_repeating(disturbed)
        announce_repetition(len(repeated), console)
        for unit in repeated:
            directory.append(runner.run_again(plan.suite, unit, disturbed[unit]))


def print_notes(notes: Sequence[str], console: Console) -> None:
    """Print sentences on assumptions, and on what is unusual but allowed."""
    for note in notes:
        console.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)


def announce_precision(unit: Unit, records: Sequence[Record], suite: Suite, console: Console) -> None:
    """Print the precision to expect from a timed group, after its first process."""
    measure = unit.group.measure.build() if unit.group.timed else None
    if isinstance(measure, Latency) and unit.repeat == 0:
        threshold = suite.gate.get("latency_ratio") or DEFAULT_THRESHOLD
        sentence = expected_precision(records, len(unit.group.seeds), measure.budget, threshold)
        if sentence:
            console.print(f"{unit.group.id}: {sentence}", highlight=False, markup=False, soft_wrap=True)


def announce_repetition(processes: int, console: Console) -> None:
    """Print how many processes are measured again, if any."""
    if processes:
        console.print(
            f"the machine was busy: {processes} {'process' if processes == 1 else 'processes'} with too few "
            "undisturbed rounds measured again",
            highlight=False,
            soft_wrap=True,
        )


MAX_PARALLEL_PROCESSES = 4
"""Limit for memory: a process holds torch and its networks, about 1 GB."""


def parallel_processes() -> int:
    """How many processes may count at the same time: one for each usable core, within the limit for memory."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MAX_PARALLEL_PROCESSES)


def _refuse_mixed_environments(missing: Sequence[Unit], earlier: StoredRun, current: Environment) -> None:
    """Refuse to mix times from two environments. Exact values and accuracies may come from any environment."""
    timed = {unit.group.measure.name for unit in missing if unit.group.timed}
    measured = [record for record in earlier.records if isinstance(record, MeasuredRecord) and record.measure in timed]
    others = {record.environment for record in measured} - {current.id}
    if others:
        other = earlier.environments.get(min(others))
        facts = other.facts if other else {}
        keys = [key for key in current.facts if current.facts[key] != facts.get(key)]
        differences = ", ".join(f"{key}: {facts.get(key)} there, {current.facts[key]} here" for key in keys)
        raise RunError(
            f"cannot resume: {' and '.join(sorted(timed))} was measured in another environment ({differences}); "
            f"start a new run, or resume the exact part alone, as in --only measure=complexity"
        )


def _resume_hint(path: Path) -> str:
    return f"all records written before are kept; resume with: simam-bench run --resume {path}"


@contextmanager
def interruptible(message: str) -> Iterator[None]:
    """Turn Ctrl-C and SIGTERM into :class:`Interrupted` with this message.

    Since it is an exception, context managers stop the workers.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise Interrupted(f"interrupted; {message}", number)

    previous = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
