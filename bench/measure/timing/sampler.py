"""The interleaved sampler: every round times one block of every variant, in a freshly shuffled order."""

import gc
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple, Protocol, TypeVar

from bench.measure.timing.nvml import Reading
from bench.measure.timing.stopping import Stopping

Item = TypeVar("Item")

WARM_UP = 5
"""Untimed iterations before anything counts: allocators and lazy initialisation settle in the first two or three."""


class Elapsed(NamedTuple):
    """Seconds as the device counts them, and as the caller waits for them; the same on a CPU.

    ``reading`` is what the device's sensors said at the end, None where it has none that are asked.
    """

    seconds: float
    wall: float
    reading: Reading | None = None


class Clock(Protocol):
    """A way to time a block of calls. ``shortest_block``: seconds that a block must last to be exact to 0.1 %."""

    @property
    def separate_wall(self) -> bool: ...
    @property
    def shortest_block(self) -> float: ...
    def time(self, call: Callable[[], object], iterations: int) -> Elapsed: ...


@dataclass(frozen=True)
class Trace:
    """All that was seen. The i-th sample of every variant is from the same round.

    Args:
        seconds: per variant, one sample a round, in seconds an iteration.
        walls: the same on the host's clock; None where that is the only clock.
        iterations: per variant, calls in one block.
        stopped_by: "target" or "budget".
        readings: per variant, what the device's sensors said after each sample.
    """

    seconds: tuple[tuple[float, ...], ...]
    walls: tuple[tuple[float, ...], ...] | None
    iterations: tuple[int, ...]
    stopped_by: str
    readings: tuple[tuple[Reading | None, ...], ...]


def untold(index: int) -> None:
    """For ``announce``, where nobody need know which call is under way."""


def calibrate(calls: Sequence[Callable[[], object]], clock: Clock, announce: Callable[[int], None]) -> tuple[int, ...]:
    """Warm the calls up; for each the number of iterations that makes a block long enough."""
    return tuple(_calibrate(index, call, clock, announce) for index, call in enumerate(calls))


def sample(
    calls: Sequence[Callable[[], object]],
    iterations: Sequence[int],
    *,
    clock: Clock,
    stopping: Stopping,
    shuffle: Callable[[list[int]], None],
    announce: Callable[[int], None],
) -> Trace:
    """Time the calls against one another until ``stopping`` says so.

    Args:
        calls: already warm.
        iterations: per call, how many make one block.
        clock: what times a block.
        stopping: the width and the budget to stop at.
        shuffle: puts a list in random order, in place.
        announce: told the index of each call before it is run.
    """
    seconds: list[list[float]] = [[] for _ in calls]
    walls: list[list[float]] = [[] for _ in calls]
    readings: list[list[Reading | None]] = [[] for _ in calls]
    order, spent, reason = list(range(len(calls))), 0.0, None
    with _no_collection():
        while reason is None:
            shuffle(order)
            for index in order:
                announce(index)
                # Untimed, so that no variant pays for the cache its predecessor left behind.
                calls[index]()
                block = clock.time(calls[index], iterations[index])
                spent += block.wall
                seconds[index].append(block.seconds / iterations[index])
                walls[index].append(block.wall / iterations[index])
                readings[index].append(block.reading)
            reason = stopping.reason(seconds, spent)
    shown = _frozen(walls) if clock.separate_wall else None
    return Trace(_frozen(seconds), shown, tuple(iterations), reason, _frozen(readings))


def _frozen(rows: list[list[Item]]) -> tuple[tuple[Item, ...], ...]:
    return tuple(tuple(row) for row in rows)


def _calibrate(index: int, call: Callable[[], object], clock: Clock, announce: Callable[[int], None]) -> int:
    announce(index)
    single = median(clock.time(call, 1).wall for _ in range(WARM_UP))
    return max(1, math.ceil(clock.shortest_block / max(single, 1e-9)))


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep Python's garbage collector out of the blocks, where it would strike one variant and not another."""
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
