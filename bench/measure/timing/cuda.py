"""The GPU's clock: device time between two events on the current stream, host wall time beside it."""

from collections.abc import Callable
from time import perf_counter

import torch

from bench.measure.timing.nvml import Reading
from bench.measure.timing.sampler import Elapsed


class CudaClock:
    """Device seconds from CUDA events; the block ends when the device has finished it.

    Args:
        flush: empties the device's L2 cache, before each iteration and outside of the timed interval; None leaves it
            hot. A wall time with flushes in it says nothing, so there is none to show then.
        read: looks at the device's sensors, after each block.
    """

    shortest_block = 0.005

    def __init__(
        self, flush: Callable[[], object] | None = None, read: Callable[[], Reading | None] = lambda: None
    ) -> None:
        self.separate_wall = flush is None
        self._flush, self._read = flush, read

    def time(self, call: Callable[[], object], iterations: int) -> Elapsed:
        """Seconds that ``iterations`` calls take together, on the device and on the host's clock."""
        intervals = [iterations] if self._flush is None else [1] * iterations
        events = [(_event(), _event()) for _ in intervals]
        torch.cuda.synchronize()
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
        seconds = sum(first.elapsed_time(last) for first, last in events) / 1000
        return Elapsed(seconds, wall, self._read())


def l2_flush() -> Callable[[], object]:
    """Writes twice as many bytes as the current device's L2 cache holds, so that nothing else is left in it."""
    size: int = torch.cuda.get_device_properties().L2_cache_size
    return torch.empty(2 * size, dtype=torch.int8, device="cuda").zero_


def _event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
