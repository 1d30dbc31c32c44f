import math
from collections.abc import Callable

import pytest
import torch

from bench.measure import Subject, machine
from bench.measure.machine import Machine, Microbenchmark
from bench.measure.timing.sampler import Elapsed
from bench.store.record import Value


class FakeClock:
    """Clock whose time advances only in its calls."""

    separate_wall = False
    shortest_block = 0.020
    fewest_calls = 1

    def __init__(self) -> None:
        self.now = 0.0

    def call_of(self, *seconds: float) -> Callable[[], None]:
        """Return a call that takes these durations in turn, and repeats the last one."""
        durations = list(seconds)

        def call() -> None:
            self.now += durations.pop(0) if len(durations) > 1 else durations[0]

        return call

    def time(self, call: Callable[[], object], iterations: int) -> Elapsed:
        start = self.now
        for _ in range(iterations):
            call()
        return Elapsed(self.now - start, self.now - start)


def measure_rates(clock: FakeClock, *benchmarks: Microbenchmark, budget: float) -> list[tuple[float, ...]]:
    return machine.measure_rates(benchmarks, clock, budget, lambda order: None)


def test_rates_by_hand() -> None:
    clock = FakeClock()
    # 2 × 2³⁰ B ÷ 0.25 s = 8 589 934 592 B/s;  2 × 2048³ operations ÷ 0.5 s = 34 359 738 368 FLOP/s
    benchmarks = Microbenchmark(2 * 2**30, clock.call_of(0.25)), Microbenchmark(2 * 2048**3, clock.call_of(0.5))
    bandwidth, rate = measure_rates(clock, *benchmarks, budget=1.5)
    assert bandwidth == pytest.approx([8_589_934_592] * 2)
    assert rate == pytest.approx([34_359_738_368] * 2)


def test_short_calls_are_timed_in_blocks() -> None:
    clock = FakeClock()
    [rate] = measure_rates(clock, Microbenchmark(100, clock.call_of(0.001)), budget=0.02)  # a block has 20 calls
    assert rate == pytest.approx([100_000])


def test_all_rounds_are_kept_and_the_budget_is_used() -> None:
    clock = FakeClock()
    # Five warmup calls, and one untimed call before each block of a single call.
    slow_first = Microbenchmark(6, clock.call_of(*[1.0] * 5, 1.0, 3.0, 1.0, 2.0))
    rate, steady = measure_rates(clock, slow_first, Microbenchmark(6, clock.call_of(1.0)), budget=50.0)
    assert rate[:2] == (2.0, 3.0)  # 6 ÷ 3 s, 6 ÷ 2 s
    assert len(rate) == len(steady) == 17  # 4 s, then 3 s per round; zero width does not stop after 8 or 16


def test_copy_counts_bytes_read_and_written() -> None:
    benchmark = machine.copy_benchmark("cpu", 4096)
    assert benchmark.work == 8192
    assert torch.equal(benchmark.call(), torch.ones(1024))  # type: ignore[arg-type]


def test_multiply_add_counts_as_two() -> None:
    benchmark = machine.matmul_benchmark("cpu", 8)
    assert benchmark.work == 1024  # 2 × 8 × 8 × 8
    assert torch.equal(benchmark.call(), torch.full((8, 8), 8.0))  # type: ignore[arg-type]


def test_both_rates_in_si_units() -> None:
    subject = Subject(0, "variant", lambda device: pytest.fail("built a network"))
    announced: list[Subject] = []
    measure = Machine(budget=1e-3, copied_bytes=4096, side=8)
    [(measured, outcome)] = measure.measure([subject], announced.append, seed=0)
    assert measured is subject and announced == [subject]
    assert [(value.name, value.unit) for value in outcome.values] == [
        ("copy_bandwidth", "B/s"),
        ("matmul_rate", "FLOP/s"),
    ]
    assert all(isinstance(value, Value) and min(value.samples) > 0 for value in outcome.values)  # type: ignore[type-var]
    assert outcome.details == {"gpu_clock": None}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_gpu_rates_are_finite() -> None:
    subject = Subject(0, "variant", lambda device: pytest.fail("built a network"), device="cuda")
    [(_, outcome)] = Machine(budget=0.1).measure([subject], lambda subject: None, seed=0)
    assert all(math.isfinite(sample) for value in outcome.values for sample in value.samples)  # type: ignore[arg-type]
