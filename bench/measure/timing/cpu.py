"""Wall-clock timing of calls on a CPU."""

from collections.abc import Callable
from time import perf_counter

from bench.measure.timing.disturbance import ReadCounters, activity_between, read_cpu_counters
from bench.measure.timing.sampler import Elapsed


class CpuClock:
    """Clock that measures the wall time of a block of calls.

    Args:
        counters: reads the counters of the CPUs before and after each block.
    """

    separate_wall = False
    shortest_block = 0.020
    fewest_calls = 3

    def __init__(self, counters: ReadCounters = read_cpu_counters) -> None:
        self._counters = counters

    def time(self, call: Callable[[], object], iterations: int) -> Elapsed:
        """Return the total time of ``iterations`` calls, in seconds."""
        before = self._counters()
        start = perf_counter()
        for _ in range(iterations):
            call()
        seconds = perf_counter() - start
        return Elapsed(seconds, seconds, activity=activity_between(before, self._counters()))
