"""Groups that are built in a worker process and timed there, block by block, at the parent's request.

One sampler can thus shuffle the blocks of several processes, each of which sleeps while another is timed.
"""

import gc
from collections.abc import Callable
from dataclasses import dataclass
from time import sleep
from typing import Any

from bench.measure import require_finite
from bench.measure.latency import Latency
from bench.measure.timing.sampler import Elapsed
from bench.run.executors.local import Launch, WorkerProcess
from bench.run.messages import Built, BuiltMember, Died, Done, Failed, Message, Started, Timed
from bench.run.worker import Send, failure, make_subject
from bench.suite.plan import Member


@dataclass(frozen=True)
class GroupTask:
    """A worker task: build members, then time a block for each ``(index, iterations)`` received, until None.

    Args:
        latency: the measure whose clock and settings apply.
        members: in the group's order.
        seed: seed of the replicate; None without one.
        device: "cpu" or "cuda".
    """

    latency: Latency
    members: tuple[Member, ...]
    seed: int | None
    device: str

    def run(self, receive: Callable[[], Any], send: Send) -> None:
        """Send :class:`Started` before each build, :class:`Built` once, :class:`Timed` for each block, and at the end
        :class:`Done` if the outputs are still finite.
        """
        current: int | None = None
        try:
            workloads = {}
            for member in self.members:
                current = member.index
                send(Started(current))
                workloads[current] = make_subject(member, self.seed, self.device).build(None)
                require_finite(workloads[current].call())
            clock = self.latency.clock(workloads[self.members[0].index])
            built = (BuiltMember(self.latency.settings(workload), workload.values) for workload in workloads.values())
            send(Built(tuple(built), clock.separate_wall, clock.shortest_block, clock.fewest_calls))
            gc.collect()
            gc.disable()
            while (block := receive()) is not None:
                current, iterations = block
                send(Timed(*clock.time(workloads[current].call, iterations)))
            for index, workload in workloads.items():
                current = index
                require_finite(workload.call())
            send(Done())
        except (Exception, SystemExit) as error:  # an exception of a module under test is a result
            send(failure(current, error))


class GroupProcessError(Exception):
    """A group's worker died, raised an exception or hung.

    Args:
        side: the number of its checkout, 0 or 1.
        index: of the member that was running; None before the first one.
        reason: the cause, in one line or with the end of the worker's standard error.
        traceback: Python's traceback; None if the process died.
    """

    def __init__(self, side: int, index: int | None, reason: str, traceback: str | None) -> None:
        super().__init__(reason)
        self.side, self.index, self.reason, self.traceback = side, index, reason, traceback


class GroupProcess:
    """The parent's handle of a worker that runs a :class:`GroupTask`. Call :meth:`stop` in any case.

    Args:
        side: the number of its checkout, 0 or 1.
        launch: how to start the worker.
        timeout: seconds of silence after which the worker counts as hung.
    """

    def __init__(self, side: int, launch: Launch, timeout: float) -> None:
        self.side = side
        self._process = WorkerProcess(launch)
        self._timeout = timeout
        self._current: int | None = None

    def build(self, task: GroupTask) -> Built:
        """Build the group.

        Raises:
            GroupProcessError: a member cannot be built, or its output is not finite.
        """
        self._process.send(task)
        while not isinstance(message := self._message(), Built):
            assert isinstance(message, Started)
            self._current = message.index
        return message

    def time_block(self, index: int, iterations: int) -> Elapsed:
        """Time a block of ``iterations`` calls of a member.

        Raises:
            GroupProcessError: the worker died, raised an exception or hung.
        """
        self._current = index
        self._process.send((index, iterations))
        message = self._message()
        assert isinstance(message, Timed)
        return Elapsed(message.seconds, message.wall, message.reading, message.activity)

    def finish(self) -> None:
        """End the timing.

        Raises:
            GroupProcessError: the output of a member is not finite any more.
        """
        self._process.send(None)
        assert isinstance(self._message(), Done)

    def stop(self) -> None:
        self._process.stop()

    def _message(self) -> Message:
        message = self._process.message(self._timeout)
        if isinstance(message, Failed):
            raise GroupProcessError(self.side, message.index, message.reason, message.traceback)
        if isinstance(message, Died):
            raise GroupProcessError(self.side, self._current, message.reason, None)
        return message


@dataclass(frozen=True)
class RemoteCall:
    """One iteration of a member, in the process that built it."""

    process: GroupProcess
    index: int

    def __call__(self) -> None:
        self.process.time_block(self.index, 1)


PAUSE = 0.010
"""Seconds after each block. A process's idle threads spin for some milliseconds before they sleep (those of GNU OpenMP
do), and would take CPU time from the process that is timed next."""


@dataclass(frozen=True)
class RemoteClock:
    """A clock that times a :class:`RemoteCall` in its own process, so that a block excludes the communication.

    Args:
        separate_wall: as for the clock of that process.
        shortest_block: as for the clock of that process, in seconds.
        fewest_calls: as for the clock of that process.
        wait: waits for some seconds.
    """

    separate_wall: bool
    shortest_block: float
    fewest_calls: int
    wait: Callable[[float], None] = sleep

    def time(self, call: Callable[[], object], iterations: int) -> Elapsed:
        """Time a block of ``iterations`` calls of a :class:`RemoteCall`."""
        assert isinstance(call, RemoteCall)
        elapsed = call.process.time_block(call.index, iterations)
        self.wait(PAUSE)
        return elapsed
