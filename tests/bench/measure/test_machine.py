import math
from collections.abc import Callable

import pytest
import torch

from bench.measure import Subject, machine
from bench.measure.machine import Machine, Task
from bench.measure.timing.sampler import Elapsed
from bench.results.record import Value


class Stopwatch:
    """A clock on which time passes only in the calls, as many seconds as each says."""

    separate_wall = False
    shortest_block = 0.020

    def __init__(self) -> None:
        self.now = 0.0

    def takes(self, *seconds: float) -> Callable[[], None]:
        """A call that lasts these seconds in turn, then the last of them for ever."""
        left = list(seconds)

        def call() -> None:
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return call

    def time(self, call: Callable[[], object], iterations: int) -> Elapsed:
        start = self.now
        for _ in range(iterations):
            call()
        return Elapsed(self.now - start, self.now - start)


def rates(clock: Stopwatch, *tasks: Task, budget: float) -> list[tuple[float, ...]]:
    return machine.rates(tasks, clock, budget, lambda order: None)


def test_a_gibibyte_copied_in_a_quarter_second_is_8_59_gb_a_second_read_and_written() -> None:
    clock = Stopwatch()
    # 2 × 2³⁰ B ÷ 0.25 s = 8 589 934 592 B/s;  2 × 2048³ operations ÷ 0.5 s = 34 359 738 368 a second
    tasks = Task(2 * 2**30, clock.takes(0.25)), Task(2 * 2048**3, clock.takes(0.5))
    bandwidth, rate = rates(clock, *tasks, budget=1.5)
    assert bandwidth == pytest.approx([8_589_934_592] * 2)
    assert rate == pytest.approx([34_359_738_368] * 2)


def test_short_calls_are_timed_together() -> None:
    clock = Stopwatch()
    [rate] = rates(clock, Task(100, clock.takes(0.001)), budget=0.02)  # a block is 20 calls
    assert rate == pytest.approx([100_000])


def test_every_round_is_kept_and_the_whole_budget_is_used() -> None:
    clock = Stopwatch()
    # five untimed calls warm up, and one precedes each block of a single call
    slow_first = Task(6, clock.takes(*[1.0] * 5, 1.0, 3.0, 1.0, 2.0))
    rate, steady = rates(clock, slow_first, Task(6, clock.takes(1.0)), budget=50.0)
    assert rate[:2] == (2.0, 3.0)  # 6 ÷ 3 s, 6 ÷ 2 s
    assert len(rate) == len(steady) == 17  # 4 s, then 3 s a round; an equal width stopped it neither at 8 nor at 16


def test_a_copy_counts_both_ways_and_copies() -> None:
    task = machine.copy("cpu", 4096)
    assert task.work == 8192
    assert torch.equal(task.call(), torch.ones(1024))  # type: ignore[arg-type]


def test_a_multiply_add_counts_as_two() -> None:
    task = machine.matmul("cpu", 8)
    assert task.work == 1024  # 2 × 8 × 8 × 8
    assert torch.equal(task.call(), torch.full((8, 8), 8.0))  # type: ignore[arg-type]


def test_the_measure_gives_both_rates_in_si_units() -> None:
    subject = Subject(0, "variant", lambda device: pytest.fail("nothing is to be built"))
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
def test_a_gpu_is_measured_at_work() -> None:
    subject = Subject(0, "variant", lambda device: pytest.fail("nothing is to be built"), device="cuda")
    [(_, outcome)] = Machine(budget=0.1).measure([subject], lambda subject: None, seed=0)
    assert all(math.isfinite(sample) for value in outcome.values for sample in value.samples)  # type: ignore[arg-type]
