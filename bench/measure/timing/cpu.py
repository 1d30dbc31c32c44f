"""The CPU's clock: wall time, the only time a caller waits."""

from collections.abc import Callable
from time import perf_counter

from bench.measure.timing.sampler import Elapsed


class CpuClock:
    """Wall time of a block of calls."""

    separate_wall = False
    shortest_block = 0.020

    def time(self, call: Callable[[], object], iterations: int) -> Elapsed:
        """Seconds that ``iterations`` calls take together."""
        start = perf_counter()
        for _ in range(iterations):
            call()
        seconds = perf_counter() - start
        return Elapsed(seconds, seconds)
