"""Copy bandwidth and matmul rate of a machine: the two roofs of the roofline model."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, NamedTuple

from bench.measure import Announce, Outcome, Seconds, Subject
from bench.measure.timing import clock_of
from bench.measure.timing.nvml import sensor_reader
from bench.measure.timing.sampler import Clock, choose_iterations, ignore_index, sample
from bench.measure.timing.stopping import StoppingRule
from bench.store.record import Value

_MATRIX_SIDES = {"cpu": 2048, "cuda": 8192}
"""Default side of the square matrices by device. A product occupies all cores or multiprocessors for a fraction of a
second."""
_QUEUED_PRODUCTS = 20
"""Products that are queued on a GPU before its clock is read: some tenths of a second of work, so that the clock is
read under load."""


_PATIENCE = 4.0
"""Limit on the wall time of sampling, as a multiple of the budget."""


class Microbenchmark(NamedTuple):
    """A call, and the amount of work that it does: bytes moved or floating-point operations."""

    work: int
    call: Callable[[], object]


@dataclass(frozen=True)
class Machine:
    """``copy_bandwidth`` in B/s and ``matmul_rate`` in FLOP/s of the machine, one sample per round.

    Use the best sample, because every disturbance makes a sample slower. A copy counts the bytes read and the bytes
    written. A multiply-add counts as 2 operations. The matrix product is in fp32 with torch's default settings.

    Args:
        budget: measured seconds, copy and matrix product together.
        copied_bytes: size of the copied tensor; it must exceed the last-level cache, or the bandwidth of the cache is
            measured.
        side: side of the square matrices; the default depends on the device.
    """

    budget: Seconds = 4.0
    copied_bytes: int = 2**29
    side: int | None = None

    axes: ClassVar[frozenset[str]] = frozenset()
    gates: ClassVar[tuple[str, ...]] = ()
    timed: ClassVar[bool] = False

    def measure(self, group: Sequence[Subject], announce: Announce, seed: int) -> Iterator[tuple[Subject, Outcome]]:
        announce(group[0])
        device = group[0].device
        copy = copy_benchmark(device, self.copied_bytes)
        matmul = matmul_benchmark(device, self.side or _MATRIX_SIDES[device])
        bandwidth, rate = measure_rates((copy, matmul), clock_of(device), self.budget, random.Random(seed).shuffle)
        values = Value("copy_bandwidth", "B/s", bandwidth), Value("matmul_rate", "FLOP/s", rate)
        yield group[0], Outcome(values, {"gpu_clock": _clock_under_load(matmul) if device == "cuda" else None})


def copy_benchmark(device: str, copied_bytes: int) -> Microbenchmark:
    """Return a benchmark that copies an fp32 tensor of ``copied_bytes`` bytes; its work is in bytes."""
    import torch

    source = torch.ones(copied_bytes // 4, device=device)
    target = torch.empty_like(source)
    return Microbenchmark(2 * source.nbytes, lambda: target.copy_(source))


def matmul_benchmark(device: str, side: int) -> Microbenchmark:
    """Return a benchmark that multiplies two square fp32 matrices; its work is in floating-point operations."""
    import torch

    left, right, product = (torch.ones(side, side, device=device) for _ in range(3))
    return Microbenchmark(2 * side**3, lambda: torch.mm(left, right, out=product))


def measure_rates(
    benchmarks: Sequence[Microbenchmark], clock: Clock, budget: float, shuffle: Callable[[list[int]], None]
) -> list[tuple[float, ...]]:
    """Measure the work per second of each benchmark, one sample per round, for ``budget`` measured seconds."""
    # No interval is narrower than this target, so sampling uses the whole budget; the best of few rounds is unreliable.
    stopping = StoppingRule(target=-1.0, budget=budget, patience=_PATIENCE * budget)
    calls = [benchmark.call for benchmark in benchmarks]
    trace = sample(
        calls,
        choose_iterations(calls, clock, ignore_index, budget),
        clock=clock,
        stopping=stopping,
        shuffle=shuffle,
        announce=ignore_index,
    )
    return [
        tuple(benchmark.work / second for second in seconds)
        for benchmark, seconds in zip(benchmarks, trace.counted, strict=True)
    ]


def _clock_under_load(benchmark: Microbenchmark) -> dict[str, Any]:
    import torch

    for _ in range(_QUEUED_PRODUCTS):
        benchmark.call()
    reading = sensor_reader(torch.cuda.get_device_properties().uuid)()
    torch.cuda.synchronize()
    return asdict(reading)
