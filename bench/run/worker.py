"""One process, one repeat of one group at a time. Reads tasks from standard input and answers in JSON lines.

A job is answered by ``{"start": index}`` before a member of the group is touched, ``{"measured": index, …}`` when it is
done, ``{"failed": index, …}`` when Python raised, and ``{"done": true}`` at the end of the job; a death says nothing,
and the last start tells whose fault it was.
"""

import json
import os
import pickle
import queue
import re
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Any, BinaryIO, Protocol, TextIO, TypeAlias

from bench.measure import Measure, Subject
from bench.suite.axes import Cell
from bench.suite.measures import MeasureSpec
from bench.suite.suite import NO_DATA, Data

Say: TypeAlias = Callable[[dict[str, Any]], None]
"""Sends one message to the parent."""


@dataclass(frozen=True)
class Member:
    """One member of a group, by its place there (0 is the baseline), its role and its cell."""

    index: int
    role: str
    cell: Cell


@dataclass(frozen=True)
class Job:
    """All that a worker needs to know.

    Args:
        measure: what to measure.
        members: those that are still to be measured, in the group's order.
        repeat: which fresh process this is; it seeds the order of the rounds.
        seed: of the replicate, or None.
        device: "cpu" or "cuda".
        fresh: whether it must have a process of its own.
        data: where images are.
        scratch: a folder for what shall survive a kill; None where nothing is kept.
    """

    measure: MeasureSpec
    members: tuple[Member, ...]
    repeat: int
    seed: int | None
    device: str
    fresh: bool
    data: Data = NO_DATA
    scratch: Path | None = None

    def carry_out(self, receive: Callable[[], Any], say: Say) -> None:
        """Do the job in this process."""
        work(self, say)


SIGNS_APART = 1.0
"""Seconds between two signs of life; the parent that reads them takes time from what is measured."""


def work(job: Job, say: Say) -> None:
    """Measure a job's members one after the other or together, as the measure sees fit."""
    current: int | None = None
    said = 0.0

    def announce(subject: Subject, reached: str = "") -> None:
        nonlocal current, said
        if not reached or monotonic() - said > SIGNS_APART:
            current, said = subject.index, monotonic()
            say({"start": subject.index, "reached": reached})

    try:
        measure: Measure = job.measure.build()
        subjects = [subject(member, job.seed, job.device, job.data, job.scratch) for member in job.members]
        for measured, outcome in measure.measure(subjects, announce, seed=job.repeat):
            values = [asdict(value) for value in outcome.values]
            say({"measured": measured.index, "values": values, "details": _without_nan(outcome.details)})
    except (Exception, SystemExit) as error:  # whatever a module under test raises is a result
        say(failure(current, error))
    say({"done": True})


def failure(index: int | None, error: BaseException) -> dict[str, Any]:
    """What a worker says when Python raised while it was at a member, or at none yet."""
    reason = f"{type(error).__name__}: {error}"
    return {"failed": index, "reason": reason, "traceback": "".join(traceback.format_exception(error))}


def _without_nan(details: Mapping[str, Any]) -> Any:
    """The details with null for NaN and infinities, which JSON does not have."""
    return json.loads(json.dumps(dict(details)), parse_constant=lambda name: None)


def subject(
    member: Member, seed: int | None, device: str, data: Data = NO_DATA, scratch: Path | None = None
) -> Subject:
    """A member as measures know it: to be built in this process when its turn comes."""
    cell, number = member.cell, seed or 0
    return Subject(
        member.index,
        member.role,
        partial(_build, cell, number, device),
        device,
        network=partial(_network, cell, number),
        dataset=partial(_dataset, cell, data),
        seed=number,
        key=key_of(cell, number),
        scratch=scratch,
    )


def key_of(cell: Cell, seed: int) -> str:
    """What files of one cell and seed are called."""
    readable = re.sub(r"[^A-Za-z0-9.@=_-]+", "_", cell.id)[:100]
    return f"{readable}-{sha256(cell.id.encode(errors='replace')).hexdigest()[:8]}-seed{seed}"


def _build(cell: Cell, seed: int, default_device: str, device: str | None) -> Any:
    from bench.run.workload import build

    return build(cell, seed, device or default_device, default_device)


def _network(cell: Cell, seed: int, classes: int, weights: str | None = None) -> Any:
    from bench.run.workload import build_network

    return build_network(cell, seed, classes, weights)


def _dataset(cell: Cell, data: Data) -> Any:
    from bench.run.workload import load_dataset

    return load_dataset(cell, data)


class Task(Protocol):
    """What a parent sends: told how to receive what it sends next, and how to answer."""

    def carry_out(self, receive: Callable[[], Any], say: Say) -> None: ...


def _private_stdout() -> TextIO:
    """The answer channel. What modules under test print goes to standard error instead."""
    channel = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return channel


def _private_stdin() -> BinaryIO:
    """Where tasks come from. Standard input is empty instead: a forked child, such as a loader of images, closes it
    first of all, and would wait for ever for the thread that listens there.
    """
    channel = os.fdopen(os.dup(sys.stdin.fileno()), "rb")
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), sys.stdin.fileno())
    return channel


def main() -> None:
    channel = _private_stdout()

    def say(message: dict[str, Any]) -> None:
        channel.write(json.dumps(message) + "\n")
        channel.flush()

    tasks: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(_private_stdin(), tasks), daemon=True).start()
    while True:
        task: Task = tasks.get()
        task.carry_out(tasks.get, say)


def _listen(channel: BinaryIO, tasks: "queue.SimpleQueue[Any]") -> None:
    """Pass on what the parent sends. When it is gone, however it went, so is this process, whatever it is doing."""
    while True:
        try:
            tasks.put(pickle.load(channel))
        except EOFError:
            os._exit(0)
        except BaseException:  # a task that cannot be read: its parent waits for an answer, and one day is gone
            traceback.print_exc()
            os._exit(1)


if __name__ == "__main__":
    main()
