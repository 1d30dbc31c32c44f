"""The interleaved sampler: each round times one block of every variant, in a newly shuffled order.

A round in which a sample was disturbed stays in the trace, but another round is measured in its place.
"""

import gc
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import NamedTuple, Protocol

from bench.measure.timing.disturbance import Activity
from bench.measure.timing.nvml import Reading
from bench.measure.timing.stopping import FIRST_CHECK, StoppingRule
from bench.results.rounds import is_usable

WARMUP_ITERATIONS = 5
"""Iterations before sampling. Memory allocators and lazy initialisation settle in the first two or three."""


class Elapsed(NamedTuple):
    """Duration of one block.

    Args:
        seconds: time on the device.
        wall: wall time on the host; equal to ``seconds`` on a CPU.
        reading: sensor reading after the block; None if the clock reads no sensors.
        activity: use of the CPUs during the block; None if the clock does not read it.
    """

    seconds: float
    wall: float
    reading: Reading | None = None
    activity: Activity | None = None


class Clock(Protocol):
    """Interface for timing a block of calls.

    ``separate_wall`` is true if the wall time differs from the device time and is reported separately.
    ``shortest_block`` is the duration in seconds from which on the overhead of the timer is below 0.1 %.
    ``fewest_calls`` is the number of calls that a block has at least, because one untimed call precedes each block.
    """

    @property
    def separate_wall(self) -> bool: ...
    @property
    def shortest_block(self) -> float: ...
    @property
    def fewest_calls(self) -> int: ...
    def time(self, call: Callable[[], object], iterations: int) -> Elapsed: ...


@dataclass(frozen=True)
class Trace:
    """All samples of a process. The i-th samples of all variants come from the same round.

    Args:
        seconds: samples of each variant, one per round, in seconds per iteration.
        walls: the same samples in wall time of the host; None if the clock has no separate wall time.
        iterations: number of calls in a block, for each variant.
        stopped_by: "target", "budget" or "patience".
        readings: sensor reading after each sample, for each variant.
        activities: use of the CPUs during each sample, for each variant.
        disturbed: indices of the rounds in which a sample was disturbed.
    """

    seconds: tuple[tuple[float, ...], ...]
    walls: tuple[tuple[float, ...], ...] | None
    iterations: tuple[int, ...]
    stopped_by: str
    readings: tuple[tuple[Reading | None, ...], ...]
    activities: tuple[tuple[Activity | None, ...], ...]
    disturbed: tuple[int, ...]

    @property
    def usable(self) -> bool:
        """Whether enough rounds were undisturbed."""
        return is_usable(len(self.seconds[0]), len(self.disturbed), self.stopped_by)

    @property
    def counted(self) -> tuple[tuple[float, ...], ...]:
        """The samples of each variant that an estimate uses: those of undisturbed rounds, or all if these are few."""
        disturbed = set(self.disturbed) if self.usable else ()
        return tuple(
            tuple(sample for number, sample in enumerate(samples) if number not in disturbed)
            for samples in self.seconds
        )


def ignore_index(index: int) -> None:
    """Do nothing; serves as ``announce`` if no announcements are needed."""


def choose_iterations(
    calls: Sequence[Callable[[], object]], clock: Clock, announce: Callable[[int], None], budget: float
) -> tuple[int, ...]:
    """Warm up the calls. Returns the number of iterations in a block of each call.

    A block is long enough and has the clock's fewest calls. Slow calls have fewer, so that the budget still suffices
    for the rounds before the first check of the stopping rule.

    Args:
        calls: the calls of all variants.
        clock: clock that times a block.
        announce: receives the index of each call before the call runs.
        budget: measured seconds for all rounds.
    """
    singles = [_fastest_call(index, call, clock, announce) for index, call in enumerate(calls)]
    fewest = min(clock.fewest_calls, max(1, int(budget / (FIRST_CHECK * sum(singles)))))
    return tuple(max(fewest, math.ceil(clock.shortest_block / single)) for single in singles)


def sample(
    calls: Sequence[Callable[[], object]],
    iterations: Sequence[int],
    *,
    clock: Clock,
    stopping: StoppingRule,
    shuffle: Callable[[list[int]], None],
    announce: Callable[[int], None],
    now: Callable[[], float] = monotonic,
) -> Trace:
    """Time the calls in interleaved rounds until the stopping rule ends sampling.

    Disturbed rounds count neither for the width nor for the budget.

    Args:
        calls: calls that have been warmed up.
        iterations: number of iterations in a block, for each call.
        clock: clock that times a block.
        stopping: target width, budget and patience.
        shuffle: shuffles a list in place.
        announce: receives the index of each call before the call runs.
        now: the host's time in seconds, for the patience.
    """
    rounds: list[list[Elapsed]] = []
    disturbed: list[int] = []
    clean: list[list[float]] = [[] for _ in calls]
    order, spent, started, reason = list(range(len(calls))), 0.0, now(), None
    with _gc_disabled():
        while reason is None:
            shuffle(order)
            blocks = _time_round(calls, iterations, order, clock, announce)
            if any(block.activity is not None and block.activity.disturbs(block.wall) for block in blocks):
                disturbed.append(len(rounds))
            else:
                spent += sum(block.wall for block in blocks)
                for row, block, count in zip(clean, blocks, iterations, strict=True):
                    row.append(block.seconds / count)
            rounds.append(blocks)
            reason = stopping.reason(clean, spent, now() - started)
    return _trace(rounds, iterations, reason, disturbed, clock.separate_wall)


def _time_round(
    calls: Sequence[Callable[[], object]],
    iterations: Sequence[int],
    order: Sequence[int],
    clock: Clock,
    announce: Callable[[int], None],
) -> list[Elapsed]:
    """Time a block of each call, in the given order. Returns the durations in the order of the calls."""
    blocks: dict[int, Elapsed] = {}
    for index in order:
        announce(index)
        # This call is not timed, so that no variant pays for the state of caches and allocator that its predecessor
        # left.
        calls[index]()
        blocks[index] = clock.time(calls[index], iterations[index])
    return [blocks[index] for index in range(len(calls))]


def _trace(
    rounds: Sequence[Sequence[Elapsed]],
    iterations: Sequence[int],
    reason: str,
    disturbed: Sequence[int],
    separate_wall: bool,
) -> Trace:
    by_call = list(zip(*rounds, strict=True))
    walls = tuple(
        tuple(block.wall / count for block in blocks) for blocks, count in zip(by_call, iterations, strict=True)
    )
    return Trace(
        seconds=tuple(
            tuple(block.seconds / count for block in blocks) for blocks, count in zip(by_call, iterations, strict=True)
        ),
        walls=walls if separate_wall else None,
        iterations=tuple(iterations),
        stopped_by=reason,
        readings=tuple(tuple(block.reading for block in blocks) for blocks in by_call),
        activities=tuple(tuple(block.activity for block in blocks) for blocks in by_call),
        disturbed=tuple(disturbed),
    )


def _fastest_call(index: int, call: Callable[[], object], clock: Clock, announce: Callable[[int], None]) -> float:
    """The least wall time of a few calls, in seconds: a disturbance can only make a call slower."""
    announce(index)
    return max(1e-9, min(clock.time(call, 1).wall for _ in range(WARMUP_ITERATIONS)))


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
