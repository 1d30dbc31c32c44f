"""The interleaved sampler: each round times one block of every variant, in a newly shuffled order."""

import gc
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple, Protocol, TypeVar

from bench.measure.timing.nvml import Reading
from bench.measure.timing.stopping import StoppingRule

Item = TypeVar("Item")

WARMUP_ITERATIONS = 5
"""Iterations before sampling. Memory allocators and lazy initialisation settle in the first two or three."""


class Elapsed(NamedTuple):
    """Duration of one block.

    Args:
        seconds: time on the device.
        wall: wall time on the host; equal to ``seconds`` on a CPU.
        reading: sensor reading after the block; None if the clock reads no sensors.
    """

    seconds: float
    wall: float
    reading: Reading | None = None


class Clock(Protocol):
    """Interface for timing a block of calls.

    ``separate_wall`` is true if the wall time differs from the device time and is reported separately.
    ``shortest_block`` is the duration in seconds from which on the overhead of the timer is below 0.1 %.
    """

    @property
    def separate_wall(self) -> bool: ...
    @property
    def shortest_block(self) -> float: ...
    def time(self, call: Callable[[], object], iterations: int) -> Elapsed: ...


@dataclass(frozen=True)
class Trace:
    """All samples of a process. The i-th samples of all variants come from the same round.

    Args:
        seconds: samples of each variant, one per round, in seconds per iteration.
        walls: the same samples in wall time of the host; None if the clock has no separate wall time.
        iterations: number of calls in a block, for each variant.
        stopped_by: "target" or "budget".
        readings: sensor reading after each sample, for each variant.
    """

    seconds: tuple[tuple[float, ...], ...]
    walls: tuple[tuple[float, ...], ...] | None
    iterations: tuple[int, ...]
    stopped_by: str
    readings: tuple[tuple[Reading | None, ...], ...]


def ignore_index(index: int) -> None:
    """Do nothing; serves as ``announce`` if no announcements are needed."""


def choose_iterations(
    calls: Sequence[Callable[[], object]], clock: Clock, announce: Callable[[int], None]
) -> tuple[int, ...]:
    """Warm up the calls. Returns the number of iterations that makes a block of each call long enough."""
    return tuple(_iterations_of(index, call, clock, announce) for index, call in enumerate(calls))


def sample(
    calls: Sequence[Callable[[], object]],
    iterations: Sequence[int],
    *,
    clock: Clock,
    stopping: StoppingRule,
    shuffle: Callable[[list[int]], None],
    announce: Callable[[int], None],
) -> Trace:
    """Time the calls in interleaved rounds until the stopping rule ends sampling.

    Args:
        calls: calls that have been warmed up.
        iterations: number of iterations in a block, for each call.
        clock: clock that times a block.
        stopping: target width and budget.
        shuffle: shuffles a list in place.
        announce: receives the index of each call before the call runs.
    """
    seconds: list[list[float]] = [[] for _ in calls]
    walls: list[list[float]] = [[] for _ in calls]
    readings: list[list[Reading | None]] = [[] for _ in calls]
    order, spent, reason = list(range(len(calls))), 0.0, None
    with _gc_disabled():
        while reason is None:
            shuffle(order)
            for index in order:
                announce(index)
                # This call is not timed, so that no variant pays for the cache contents that its predecessor left.
                calls[index]()
                block = clock.time(calls[index], iterations[index])
                spent += block.wall
                seconds[index].append(block.seconds / iterations[index])
                walls[index].append(block.wall / iterations[index])
                readings[index].append(block.reading)
            reason = stopping.reason(seconds, spent)
    reported_walls = _as_tuples(walls) if clock.separate_wall else None
    return Trace(_as_tuples(seconds), reported_walls, tuple(iterations), reason, _as_tuples(readings))


def _as_tuples(rows: list[list[Item]]) -> tuple[tuple[Item, ...], ...]:
    return tuple(tuple(row) for row in rows)


def _iterations_of(index: int, call: Callable[[], object], clock: Clock, announce: Callable[[int], None]) -> int:
    announce(index)
    single = median(clock.time(call, 1).wall for _ in range(WARMUP_ITERATIONS))
    return max(1, math.ceil(clock.shortest_block / max(single, 1e-9)))


@contextmanager
def _gc_disabled() -> Iterator[None]:
    """Disable Python's garbage collector, which would interrupt some blocks and not others."""
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
