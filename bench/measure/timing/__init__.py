"""Clocks, the interleaved sampler, and its stopping rule."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.measure.timing.sampler import Clock


def clock_of(device: str) -> "Clock":
    """Return the clock for "cpu" or "cuda", without cache flushes and sensor readings."""
    if device == "cuda":
        from bench.measure.timing.cuda import CudaClock

        return CudaClock()
    from bench.measure.timing.cpu import CpuClock

    return CpuClock()
