"""Time of one call: all variants of a group run in one process, in shuffled rounds, so that samples are paired."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from bench.measure import Announce, Fraction, Outcome, Seconds, Subject, Workload, require_finite
from bench.measure.timing import clock_of
from bench.measure.timing.disturbance import background_share
from bench.measure.timing.nvml import Reading
from bench.measure.timing.sampler import Clock, Trace, choose_iterations, sample
from bench.measure.timing.stopping import StoppingRule
from bench.results.statistics import count_outliers
from bench.store.record import Value


@dataclass(frozen=True)
class Latency:
    """``latency`` in seconds per iteration, one sample per round.

    On CUDA, ``wall`` is the host's wall time for the same calls. With ``execution: compile``, ``compile_time`` and
    ``graph_breaks`` are reported too.

    Args:
        target: half-width of the latency ratio's interval within a process, as a fraction, at which sampling stops.
        budget: measured seconds for a group, all processes together; disturbed rounds do not count.
        patience: limit on the wall time of sampling, as a multiple of the expected wall time; when a busy machine
            uses it up, sampling ends before the budget does.
        repeats: number of fresh processes, which are the independent samples of the interval; at least 5.
        l2: state of the L2 cache of a CUDA device before each call: "hot" (as the previous call left it) or "cold"
            (flushed; ``wall`` is not reported then); no effect on a CPU.
    """

    target: Fraction = 0.01
    budget: Seconds = 60.0
    repeats: int = 6
    patience: float = 2.0
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
            raise ValueError(f"target must be a fraction such as 1%, not {self.target}")
        if not self.budget > 0:
            raise ValueError(f"budget must be a positive time such as 60s, not {self.budget}")
        if self.repeats < 5:
            raise ValueError(f"repeats must be 5 or more for an interval over processes, not {self.repeats}")
        if not self.patience >= 1:
            raise ValueError(f"patience must be a factor of 1 or more, such as 2, not {self.patience}")

    def measure(self, group: Sequence[Subject], announce: Announce, seed: int) -> Iterator[tuple[Subject, Outcome]]:
        built: dict[int, Workload] = {}
        # The build order rotates from process to process, because it influences the memory layout.
        first = seed % len(group)
        for subject in (*group[first:], *group[:first]):
            announce(subject)
            built[subject.index] = subject.build(None)
            require_finite(built[subject.index].call())
        workloads = [built[subject.index] for subject in group]
        calls, clock = [workload.call for workload in workloads], self.clock(workloads[0])

        def announce_index(index: int) -> None:
            announce(group[index])

        iterations = choose_iterations(calls, clock, announce_index, self.budget / self.repeats)
        trace = sample(
            calls,
            iterations,
            clock=clock,
            stopping=self.stopping(self.repeats, iterations),
            shuffle=random.Random(seed).shuffle,
            announce=announce_index,
        )
        background = background_share()
        for index, (subject, workload) in enumerate(zip(group, workloads, strict=True)):
            announce(subject)
            require_finite(workload.call())  # a network may fail after many calls only
            settings = {**self.settings(workload), "background_share": background}
            yield subject, outcome_of_trace(trace, index, settings, workload.values)

    def stopping(
        self, processes: int, iterations: Sequence[int], references: tuple[int, ...] | None = None
    ) -> StoppingRule:
        """Return the stopping rule of one process.

        Args:
            processes: number of processes that share the budget.
            iterations: number of calls in a block, for each variant.
            references: index of each variant's reference, see :class:`StoppingRule`.
        """
        budget = self.budget / processes
        # One untimed call precedes each block.
        expected_wall = budget * (1 + 1 / min(iterations))
        return StoppingRule(self.target, budget, self.patience * expected_wall, references)

    def clock(self, workload: Workload) -> Clock:
        """Return the clock for the device that a workload runs on."""
        if not workload.inputs.is_cuda:
            return clock_of("cpu")
        import torch

        from bench.measure.timing.cuda import CudaClock, l2_flush
        from bench.measure.timing.nvml import sensor_reader

        flush = l2_flush() if self.l2 == "cold" else None
        return CudaClock(flush, sensor_reader(torch.cuda.get_device_properties().uuid))

    def settings(self, workload: Workload) -> dict[str, Any]:
        """Return the conditions under which a workload is timed, for the record."""
        return {"l2": self.l2 if workload.inputs.is_cuda else None, **workload.settings}


def outcome_of_trace(
    trace: Trace, index: int, settings: Mapping[str, Any], build_values: tuple[Value, ...] = ()
) -> Outcome:
    """Return the outcome of one variant of a trace.

    Args:
        trace: samples of all variants.
        index: index of the variant in the trace.
        settings: conditions under which the variant was timed.
        build_values: values that were measured when the variant was built, such as the compile time.
    """
    seconds = tuple(map(_rounded, trace.seconds[index]))
    values = [Value("latency", "s", seconds)]
    if trace.walls is not None:
        values.append(Value("wall", "s", tuple(map(_rounded, trace.walls[index]))))
    details = {
        "iterations": trace.iterations[index],
        "rounds": len(seconds),
        "stopped_by": trace.stopped_by,
        "disturbed": trace.disturbed,
        "outliers": count_outliers(seconds),
        **_activity_details(trace, index),
        **_sensor_details(trace.readings[index]),
        **settings,
    }
    return Outcome((*values, *build_values), details)


def _rounded(seconds: float) -> float:
    """Round a time to seven digits, which halves the size of the record.

    The rounding error is ten thousand times smaller than the timer's overhead in a block.
    """
    return float(f"{seconds:.7g}")


def _activity_details(trace: Trace, index: int) -> dict[str, Any]:
    """Collect the use of the CPUs, one entry per sample; a list is None if it cannot be read.

    ``cpu_share`` and ``pressure`` are shares of the sample's wall time, ``steal`` is in seconds.
    """
    walls = trace.seconds[index] if trace.walls is None else trace.walls[index]
    samples = [
        (activity, wall * trace.iterations[index])
        for activity, wall in zip(trace.activities[index], walls, strict=True)
        if activity is not None
    ]
    columns: dict[str, list[float | None]] = {
        "switches": [activity.switches for activity, _ in samples],
        "cpu_share": [_share(activity.cpu, wall) for activity, wall in samples],
        "pressure": [_share(activity.pressure, wall) for activity, wall in samples],
        "steal": [activity.steal and round(activity.steal, 3) for activity, _ in samples],
    }
    return {name: None if all(number is None for number in numbers) else numbers for name, numbers in columns.items()}


def _share(seconds: float | None, wall: float) -> float | None:
    return None if seconds is None else round(seconds / wall, 3)


def _sensor_details(readings: Sequence[Reading | None]) -> dict[str, Any]:
    """Collect the sensor readings, one entry per sample; a list is None if the clock reads no sensors."""
    available = [reading for reading in readings if reading is not None]
    return {
        "sm_hz": [reading.sm_hz for reading in available] or None,
        "throttle_reasons": [reading.throttle_reasons for reading in available] or None,
        "sensors_missing": next((reading.reason for reading in available if reading.reason), None),
    }
