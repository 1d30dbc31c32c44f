"""Wall-clock timing of calls on a CPU."""

from collections.abc import Callable
from time import perf_counter

from bench.measure.timing.sampler import Elapsed


class CpuClock:
    """Clock that measures the wall time of a block of calls."""

    separate_wall = False
    shortest_block = 0.020

    def time(self, call: Callable[[], object], iterations: int) -> Elapsed:
        """Return the total time of ``iterations`` calls, in seconds."""
        start = perf_counter()
        for _ in range(iterations):
            call()
        seconds = perf_counter() - start
        return Elapsed(seconds, seconds)
