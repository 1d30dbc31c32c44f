"""A group built in a worker and timed there, block by block, when the parent says so.

So one sampler can shuffle the blocks of several processes, each of which sleeps while another is timed.
"""

import gc
from collections.abc import Callable
from dataclasses import asdict, dataclass
from time import sleep
from typing import Any

from bench.measure import require_finite
from bench.measure.latency import Latency
from bench.measure.timing.nvml import Reading
from bench.measure.timing.sampler import Elapsed
from bench.run.executor import Launch, WorkerProcess
from bench.run.worker import Member, Say, failure, subject


@dataclass(frozen=True)
class Hold:
    """The task: build these members, then time what ``(index, iterations)`` asks for until None comes.

    Args:
        latency: how they are to be timed.
        members: in the group's order.
        seed: of the replicate, or None.
        device: "cpu" or "cuda".
    """

    latency: Latency
    members: tuple[Member, ...]
    seed: int | None
    device: str

    def carry_out(self, receive: Callable[[], Any], say: Say) -> None:
        """Answer ``{"start": index}`` before each member is built, ``{"held": …}`` once, and each block's seconds."""
        current: int | None = None
        try:
            workloads = {}
            for member in self.members:
                current = member.index
                say({"start": current})
                workloads[current] = subject(member, self.seed, self.device).build(None)
                require_finite(workloads[current].call())
            clock = self.latency.clock(workloads[self.members[0].index])
            held = [
                {"settings": self.latency.settings(each), "values": [asdict(value) for value in each.values]}
                for each in workloads.values()
            ]
            say({"held": held, "separate_wall": clock.separate_wall, "shortest_block": clock.shortest_block})
            gc.collect()
            gc.disable()
            while (block := receive()) is not None:
                current, iterations = block
                seconds, wall, reading = clock.time(workloads[current].call, iterations)
                say({"block": [seconds, wall], "reading": reading and asdict(reading)})
        except (Exception, SystemExit) as error:  # whatever a module under test raises is a result
            say(failure(current, error))


class HoldError(Exception):
    """A worker died or raised.

    Args:
        side: the number that its process was given.
        index: the member that it was at, None where it had not come to any.
        reason: in one line, or with the end of its standard error.
        traceback: where Python raised.
    """

    def __init__(self, side: int, index: int | None, reason: str, traceback: str | None) -> None:
        super().__init__(reason)
        self.side, self.index, self.reason, self.traceback = side, index, reason, traceback


class HoldingProcess:
    """A worker that holds a group, seen from the parent; use :meth:`stop` however things end."""

    def __init__(self, side: int, launch: Launch, timeout: float) -> None:
        self.side = side
        self._process = WorkerProcess(launch)
        self._timeout = timeout
        self._current: int | None = None

    def build(self, task: Hold) -> dict[str, Any]:
        """Build the group; ``held`` has each member's settings and early values, beside the clock's properties.

        Raises:
            HoldError: a member cannot be built, or its output is not finite.
        """
        self._process.send(task)
        while "held" not in (message := self._message()):
            self._current = message["start"]
        return message

    def block(self, index: int, iterations: int) -> Elapsed:
        """Seconds that ``iterations`` calls of a member take together.

        Raises:
            HoldError: the worker died, raised or hung.
        """
        self._current = index
        self._process.send((index, iterations))
        message = self._message()
        seconds, wall = message["block"]
        return Elapsed(seconds, wall, Reading(**message["reading"]) if message["reading"] else None)

    def stop(self) -> None:
        self._process.stop()

    def _message(self) -> dict[str, Any]:
        message = self._process.message(self._timeout)
        if "failed" in message:
            raise HoldError(self.side, message["failed"], message["reason"], message["traceback"])
        if "died" in message:
            raise HoldError(self.side, self._current, message["died"], None)
        return message


@dataclass(frozen=True)
class RemoteCall:
    """One iteration of a member, in the process that holds it."""

    process: HoldingProcess
    index: int

    def __call__(self) -> None:
        self.process.block(self.index, 1)


REST = 0.010
"""Seconds after each block, until the threads of the process that ran it sleep: waiting for more work they spin, GNU's
for some milliseconds, and would do so on the cores that another process is timed on."""


@dataclass(frozen=True)
class RemoteClock:
    """Has the process that holds a call time it there, so that the way to it and back is not in the block.

    Args:
        separate_wall: as the clock over there has it.
        shortest_block: seconds, likewise.
        rest: waits for some seconds.
    """

    separate_wall: bool
    shortest_block: float
    rest: Callable[[float], None] = sleep

    def time(self, call: Callable[[], object], iterations: int) -> Elapsed:
        """Seconds that ``iterations`` of a :class:`RemoteCall` take together."""
        assert isinstance(call, RemoteCall)
        elapsed = call.process.block(call.index, iterations)
        self.rest(REST)
        return elapsed
