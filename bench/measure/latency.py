"""Time of one iteration: all variants of a group in one process, in shuffled rounds, so that they can be paired."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from bench.measure import Fraction, Outcome, Seconds, Subject, Workload, require_finite
from bench.measure.timing.sampler import Clock, Trace, sample
from bench.measure.timing.stopping import Stopping
from bench.results.record import Value
from bench.results.statistics import count_outliers


@dataclass(frozen=True)
class Latency:
    """``latency`` in seconds an iteration, one sample a round; on CUDA ``wall`` beside it.

    Args:
        target: half-width of the ratio's interval within a repeat at which it is settled, as a fraction.
        budget: measured seconds for a group, all repeats together.
        repeats: fresh processes; the independent units of the interval.
    """

    target: Fraction = 0.01
    budget: Seconds = 60.0
    repeats: int = 6

    axes: ClassVar = frozenset(
        {
            "backbone",
            "attention",
            "placement",
            "mode",
            "execution",
            "batch",
            "resolution",
            "dtype",
            "memory_format",
            "threads",
        }
    )
    gates: ClassVar = ("latency_ratio",)
    timed: ClassVar = True

    def __post_init__(self) -> None:
        if not 0 < self.target < 1:
            raise ValueError(f"target is a fraction such as 1%, not {self.target}")
        if not self.budget > 0:
            raise ValueError(f"budget is a time such as 60s, not {self.budget}")
        if self.repeats < 5:
            raise ValueError(f"repeats must be 5 or more for an interval over processes, not {self.repeats}")

    def measure(
        self, group: Sequence[Subject], announce: Callable[[Subject], None], seed: int
    ) -> Iterator[tuple[Subject, Outcome]]:
        workloads = []
        for subject in group:
            announce(subject)
            workload = subject.build(None)
            require_finite(workload.call())
            workloads.append(workload)
        trace = sample(
            [workload.call for workload in workloads],
            clock=_clock(workloads[0]),
            stopping=Stopping(self.target, self.budget / self.repeats),
            shuffle=random.Random(seed).shuffle,
            announce=lambda index: announce(group[index]),
        )
        for place, (subject, workload) in enumerate(zip(group, workloads, strict=True)):
            yield subject, _outcome(trace, place, workload)


def _clock(workload: Workload) -> Clock:
    if workload.inputs.is_cuda:
        from bench.measure.timing.cuda import CudaClock

        return CudaClock()
    from bench.measure.timing.cpu import CpuClock

    return CpuClock()


def _outcome(trace: Trace, place: int, workload: Workload) -> Outcome:
    seconds = trace.seconds[place]
    values = [Value("latency", "s", seconds)]
    if trace.walls is not None:
        values.append(Value("wall", "s", trace.walls[place]))
    details = {
        "iterations": trace.iterations[place],
        "rounds": len(seconds),
        "stopped_by": trace.stopped_by,
        "outliers": count_outliers(seconds),
        **workload.settings,
    }
    return Outcome(tuple(values), details)
