"""A worker process. It reads pickled tasks from standard input and responds in JSON lines, one task at a time.

For a job it sends :class:`Started` before it touches a member, :class:`Measured` when the member is done,
:class:`Failed` if Python raises, and :class:`Done` at the end. A process that dies sends nothing; the member
that was started last is the cause.
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
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Any, BinaryIO, Protocol, TextIO, TypeAlias

from bench.measure import Measure, Subject
from bench.run.messages import Done, Failed, Measured, Message, Started, encode
from bench.suite.axes import Cell
from bench.suite.measures import MeasureSpec
from bench.suite.plan import Member
from bench.suite.suite import DEFAULT_DATA, DataSettings

Send: TypeAlias = Callable[[Message], None]
"""Sends a message to the parent."""


class WorkerTask(Protocol):
    """A task that a parent pickles and a worker runs."""

    def run(self, receive: Callable[[], Any], send: Send) -> None:
        """Run the task in this process.

        Args:
            receive: waits for the next object from the parent.
            send: sends a message to the parent.
        """
        ...


@dataclass(frozen=True)
class Job:
    """One process of one group, measured by one measure.

    Args:
        measure: the measure.
        members: the members to measure, in the group's order.
        repeat: index of the process; it seeds the order of the rounds.
        seed: seed of the replicate; None if the measure uses no seed.
        device: "cpu" or "cuda".
        fresh: whether the job needs a fresh process.
        data: location of the datasets.
        scratch: folder for files that outlive a kill; None if nothing is kept.
    """

    measure: MeasureSpec
    members: tuple[Member, ...]
    repeat: int
    seed: int | None
    device: str
    fresh: bool
    data: DataSettings = DEFAULT_DATA
    scratch: Path | None = None

    def run(self, receive: Callable[[], Any], send: Send) -> None:
        """Measure the members in this process."""
        run_job(self, send)


PROGRESS_INTERVAL = 1.0
"""Minimum seconds between two progress messages, because reading one takes CPU time during the measurement."""


def run_job(job: Job, send: Send) -> None:
    """Measure the members of a job and send their outcomes."""
    current: int | None = None
    last_sent = 0.0

    def announce(subject: Subject, progress: str = "", /) -> None:
        nonlocal current, last_sent
        if not progress or monotonic() - last_sent > PROGRESS_INTERVAL:
            current, last_sent = subject.index, monotonic()
            send(Started(subject.index, progress))

    try:
        measure: Measure = job.measure.build()
        subjects = [make_subject(member, job.seed, job.device, job.data, job.scratch) for member in job.members]
        for subject, outcome in measure.measure(subjects, announce, seed=job.repeat):
            send(Measured(subject.index, outcome.values, finite_or_null(outcome.details)))
    except (Exception, SystemExit) as error:  # an exception of a module under test is a result
        send(failure(current, error))
    send(Done())


def failure(index: int | None, error: BaseException) -> Failed:
    """The message for an exception.

    Args:
        index: index of the running member; None before the first one.
        error: the exception.
    """
    return Failed(index, f"{type(error).__name__}: {error}", "".join(traceback.format_exception(error)))


def finite_or_null(details: Mapping[str, Any]) -> dict[str, Any]:
    """The details with None for NaN and infinity, which JSON cannot represent."""
    finite: dict[str, Any] = json.loads(json.dumps(dict(details)), parse_constant=lambda name: None)
    return finite


def make_subject(
    member: Member, seed: int | None, device: str, data: DataSettings = DEFAULT_DATA, scratch: Path | None = None
) -> Subject:
    """The subject of a member, which measures build in this process."""
    cell, number = member.cell, seed or 0
    return Subject(
        member.index,
        member.role,
        partial(_build, cell, number, device),
        device,
        network=partial(_network, cell, number),
        check=partial(_check, cell),
        dataset=partial(_dataset, cell, data),
        seed=number,
        key=file_stem(cell, number),
        scratch=scratch,
    )


def file_stem(cell: Cell, seed: int) -> str:
    """The file name, without a suffix, for files of a cell and seed: readable and unique."""
    readable = re.sub(r"[^A-Za-z0-9.@=_-]+", "_", cell.id)[:100]
    return f"{readable}-{sha256(cell.id.encode(errors='replace')).hexdigest()[:8]}-seed{seed}"


def _build(cell: Cell, seed: int, default_device: str, device: str | None) -> Any:
    from bench.run.workload import build_workload

    return build_workload(cell, seed, device or default_device, default_device)


def _network(cell: Cell, seed: int, classes: int, weights: str | None = None) -> Any:
    from bench.run.workload import build_network

    return build_network(cell, seed, classes, weights)


def _check(cell: Cell) -> list[str]:
    from bench.run.contract import check_cell

    return check_cell(cell)


def _dataset(cell: Cell, data: DataSettings) -> Any:
    from bench.run.workload import load_dataset

    return load_dataset(cell, data)


def _private_stdout() -> TextIO:
    """A channel for messages. Whatever the modules under test print goes to standard error."""
    channel = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return channel


def _private_stdin() -> BinaryIO:
    """A channel for tasks. Standard input becomes empty: a forked child, such as a data loader, closes it first, and
    would wait forever for the thread that reads from it.
    """
    channel = os.fdopen(os.dup(sys.stdin.fileno()), "rb")
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), sys.stdin.fileno())
    return channel


def _adopt_orphans() -> None:
    """Become the parent of all descendants whose parent ends, on Linux (prctl(2), PR_SET_CHILD_SUBREAPER).

    The executor can then find and kill processes that a module has detached.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


_PR_SET_CHILD_SUBREAPER = 36


def main() -> None:
    _adopt_orphans()
    channel = _private_stdout()

    def send(message: Message) -> None:
        channel.write(encode(message))
        channel.flush()

    tasks: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(_private_stdin(), tasks), daemon=True).start()
    while True:
        task: WorkerTask = tasks.get()
        task.run(tasks.get, send)


def _listen(channel: BinaryIO, tasks: "queue.SimpleQueue[Any]") -> None:
    """Queue the parent's tasks. When the parent ends, for any reason, this process exits at once."""
    while True:
        try:
            tasks.put(pickle.load(channel))
        except EOFError:
            os._exit(0)
        except (
            BaseException
        ):  # an unreadable task: exit, because the parent waits for a response and notices a dead worker
            traceback.print_exc()
            os._exit(1)


if __name__ == "__main__":
    main()
