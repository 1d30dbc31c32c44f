"""Time of one iteration: all variants of a group in one process, in shuffled rounds, so that they can be paired."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from bench.measure import Announce, Fraction, Outcome, Seconds, Subject, Workload, require_finite
from bench.measure.timing import clock_of
from bench.measure.timing.nvml import Reading
from bench.measure.timing.sampler import Clock, Trace, calibrate, sample
from bench.measure.timing.stopping import Stopping
from bench.results.record import Value
from bench.results.statistics import count_outliers


@dataclass(frozen=True)
class Latency:
    """``latency`` in seconds an iteration, one sample a round.

    Beside it, on CUDA ``wall``, the host's time for the same; with ``execution`` compile ``compile_time`` and
    ``graph_breaks``.

    Args:
        target: half-width of the ratio's interval within a repeat at which it is settled, as a fraction.
        budget: measured seconds for a group, all repeats together.
        repeats: fresh processes; the independent units of the interval.
        l2: a CUDA device's second-level cache: "hot", as the call before left it, or "cold", flushed before each call,
            without ``wall`` then; means nothing on a CPU.
    """

    target: Fraction = 0.01
    budget: Seconds = 60.0
    repeats: int = 6
    l2: Literal["hot", "cold"] = "hot"

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

    def measure(self, group: Sequence[Subject], announce: Announce, seed: int) -> Iterator[tuple[Subject, Outcome]]:
        built: dict[int, Workload] = {}
        # Each process begins with another member: who is built first finds another memory than who comes after.
        first = seed % len(group)
        for subject in (*group[first:], *group[:first]):
            announce(subject)
            built[subject.index] = subject.build(None)
            require_finite(built[subject.index].call())
        workloads = [built[subject.index] for subject in group]
        calls, clock = [workload.call for workload in workloads], self.clock(workloads[0])

        def touch(index: int) -> None:
            announce(group[index])

        trace = sample(
            calls,
            calibrate(calls, clock, touch),
            clock=clock,
            stopping=Stopping(self.target, self.budget / self.repeats),
            shuffle=random.Random(seed).shuffle,
            announce=touch,
        )
        for place, (subject, workload) in enumerate(zip(group, workloads, strict=True)):
            yield subject, outcome(trace, place, self.settings(workload), workload.values)

    def clock(self, workload: Workload) -> Clock:
        """The clock of the device that a workload is on."""
        if not workload.inputs.is_cuda:
            return clock_of("cpu")
        import torch

        from bench.measure.timing.cuda import CudaClock, l2_flush
        from bench.measure.timing.nvml import sensors

        flush = l2_flush() if self.l2 == "cold" else None
        return CudaClock(flush, sensors(torch.cuda.get_device_properties().uuid))

    def settings(self, workload: Workload) -> dict[str, Any]:
        """What a workload is timed under."""
        return {"l2": self.l2 if workload.inputs.is_cuda else None, **workload.settings}


def outcome(trace: Trace, place: int, settings: Mapping[str, Any], earlier: tuple[Value, ...] = ()) -> Outcome:
    """What one call of a trace gave.

    Args:
        trace: of all calls.
        place: which of them.
        settings: what it ran under.
        earlier: values that were seen when it was built.
    """
    seconds = tuple(map(_compact, trace.seconds[place]))
    values = [Value("latency", "s", seconds)]
    if trace.walls is not None:
        values.append(Value("wall", "s", tuple(map(_compact, trace.walls[place]))))
    details = {
        "iterations": trace.iterations[place],
        "rounds": len(seconds),
        "stopped_by": trace.stopped_by,
        "outliers": count_outliers(seconds),
        **_sensed(trace.readings[place]),
        **settings,
    }
    return Outcome((*values, *earlier), details)


def _compact(seconds: float) -> float:
    """Seven digits: ten thousand times finer than the timer's share in a block, and half the size on the disk."""
    return float(f"{seconds:.7g}")


def _sensed(readings: Sequence[Reading | None]) -> dict[str, Any]:
    """What the sensors said, an entry a sample; null as a whole where the device has none that are asked."""
    read = [each for each in readings if each is not None]
    return {
        "sm_hz": [each.sm_hz for each in read] or None,
        "throttle_reasons": [each.throttle_reasons for each in read] or None,
        "sensors_missing": next((each.reason for each in read if each.reason), None),
    }
