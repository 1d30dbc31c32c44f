"""The GPU's clock: device time between two events on the current stream, host wall time beside it."""

from collections.abc import Callable
from time import perf_counter

import torch

from bench.measure.timing.sampler import Elapsed


class CudaClock:
    """Device seconds from CUDA events; the block ends when the device has finished it."""

    separate_wall = True
    shortest_block = 0.005

    def time(self, call: Callable[[], object], iterations: int) -> Elapsed:
        """Seconds that ``iterations`` calls take together, on the device and on the host's clock."""
        first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        torch.cuda.synchronize()
        start = perf_counter()
        first.record()
        for _ in range(iterations):
            call()
        last.record()
        torch.cuda.synchronize()
        wall = perf_counter() - start
        return Elapsed(first.elapsed_time(last) / 1000, wall)
