"""Timing of calls on a GPU: device time between two CUDA events on the current stream, and the host's wall time."""

from collections.abc import Callable
from time import perf_counter

import torch

from bench.measure.timing.disturbance import ReadCounters, activity_between, read_cpu_counters
from bench.measure.timing.nvml import Reading
from bench.measure.timing.sampler import Elapsed


class CudaClock:
    """Clock that measures device time with CUDA events; it synchronises with the device after each block.

    Args:
        flush: flushes the L2 cache of the device before each iteration, outside the timed interval; None leaves the
            cache hot. With flushes, the wall time is not meaningful and is not reported.
        read: reads the sensors of the device after each block.
        counters: reads the counters of the CPUs before and after each block.
    """

    shortest_block = 0.005
    fewest_calls = 8

    def __init__(
        self,
        flush: Callable[[], object] | None = None,
        read: Callable[[], Reading | None] = lambda: None,
        counters: ReadCounters = read_cpu_counters,
    ) -> None:
        self.separate_wall = flush is None
        self._flush, self._read, self._counters = flush, read, counters

    def time(self, call: Callable[[], object], iterations: int) -> Elapsed:
        """Return the total time of ``iterations`` calls in seconds, on the device and on the host."""
        intervals = [iterations] if self._flush is None else [1] * iterations
        events = [(_event(), _event()) for _ in intervals]
        torch.cuda.synchronize()
        before = self._counters()
        start = perf_counter()
        for calls, (first, last) in zip(intervals, events, strict=True):
            if self._flush is not None:
                self._flush()
            first.record()
            for _ in range(calls):
                call()
            last.record()
        torch.cuda.synchronize()
        wall = perf_counter() - start
        after = self._counters()
        seconds = sum(first.elapsed_time(last) for first, last in events) / 1000
        return Elapsed(seconds, wall, self._read(), activity_between(before, after))


def l2_flush() -> Callable[[], object]:
    """Return a function that flushes the current device's L2 cache by writing twice its size."""
    size: int = torch.cuda.get_device_properties().L2_cache_size
    return torch.empty(2 * size, dtype=torch.int8, device="cuda").zero_


def _event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
