import gc
import math
import random
from collections.abc import Callable
from typing import Any

import pytest

from bench.measure.timing.cpu import CpuClock
from bench.measure.timing.cuda import CudaClock
from bench.measure.timing.disturbance import Activity
from bench.measure.timing.sampler import WARMUP_ITERATIONS, Elapsed, Trace, choose_iterations, sample
from bench.measure.timing.stopping import StoppingRule


class SimulatedCalls:
    """Calls of known duration, and the clock that times them. No real time passes.

    Args:
        durations: for each call, maps its number of earlier calls to its duration in seconds.
    """

    separate_wall = False
    shortest_block = 0.020
    fewest_calls = 1

    def __init__(self, durations: list[Callable[[int], float]]) -> None:
        self.now = 0.0
        self.log: list[int] = []
        self.counts = [0] * len(durations)
        self.calls = [self._call(index, duration) for index, duration in enumerate(durations)]

    def _call(self, index: int, duration: Callable[[int], float]) -> Callable[[], None]:
        def call() -> None:
            self.log.append(index)
            self.now += duration(self.counts[index])
            self.counts[index] += 1

        return call

    def time(self, call: Callable[[], object], iterations: int) -> Elapsed:
        start = self.now
        for _ in range(iterations):
            call()
        return Elapsed(self.now - start, self.now - start)


def constant(seconds: float) -> Callable[[int], float]:
    return lambda count: seconds


def run(
    simulated: SimulatedCalls, stopping: StoppingRule, announce: Callable[[int], None] = lambda index: None
) -> Trace:
    return sample(
        simulated.calls,
        choose_iterations(simulated.calls, simulated, announce, stopping.budget),
        clock=simulated,
        stopping=stopping,
        shuffle=random.Random(0).shuffle,
        announce=announce,
        now=lambda: simulated.now,
    )


def test_samples_are_seconds_per_iteration() -> None:
    trace = run(SimulatedCalls([constant(0.003), constant(0.050)]), StoppingRule(0.01, 10.0))
    assert trace.iterations == (7, 1)  # 7 × 3 ms is the shortest block of at least 20 ms
    assert trace.seconds[0][0] == pytest.approx(0.003) and trace.seconds[1][0] == pytest.approx(0.050)
    assert trace.walls is None


def test_constant_times_stop_at_the_first_check() -> None:
    trace = run(SimulatedCalls([constant(0.020), constant(0.030)]), StoppingRule(0.01, 1000.0))
    assert trace.stopped_by == "target"
    assert len(trace.seconds[0]) == len(trace.seconds[1]) == 8


def test_noisy_times_stop_at_the_budget() -> None:
    noise = random.Random(1)
    simulated = SimulatedCalls([lambda count: 0.020 * math.exp(noise.gauss(0, 1)), constant(0.020)])
    trace = run(simulated, StoppingRule(0.001, 2.0))
    spent = sum(s * n for row, n in zip(trace.seconds, trace.iterations, strict=True) for s in row)
    last = sum(row[-1] * n for row, n in zip(trace.seconds, trace.iterations, strict=True))
    assert trace.stopped_by == "budget"
    assert spent >= 2.0 > spent - last


def test_each_block_is_announced_and_preceded_by_one_call() -> None:
    announced: list[int] = []
    simulated = SimulatedCalls([constant(0.006), constant(0.040)])
    trace = run(simulated, StoppingRule(0.01, 1000.0), announced.append)
    rounds = len(trace.seconds[0])
    assert len(announced) == 2 + 2 * rounds
    assert trace.iterations == (4, 1)
    assert simulated.counts == [WARMUP_ITERATIONS + rounds * 5, WARMUP_ITERATIONS + rounds * 2]


def test_every_round_is_complete_and_newly_shuffled() -> None:
    noise = random.Random(1)
    announced: list[int] = []
    simulated = SimulatedCalls([lambda count: 0.020 + noise.random()] * 3)
    run(simulated, StoppingRule(1e-9, 100.0), announced.append)
    rounds = [tuple(announced[start : start + 3]) for start in range(3, len(announced), 3)]
    assert all(sorted(order) == [0, 1, 2] for order in rounds)
    assert len(set(rounds)) == 6  # all orders of three occur


def test_garbage_collector_is_disabled_while_sampling() -> None:
    enabled: list[bool] = []
    run(
        SimulatedCalls([constant(0.020), constant(0.020)]),
        StoppingRule(0.01, 1.0),
        lambda index: enabled.append(gc.isenabled()),
    )
    assert enabled[:2] == [True, True] and not any(enabled[2:])
    assert gc.isenabled()


@pytest.mark.parametrize(
    ("rounds", "checked"),
    [
        (1, False),
        (7, False),
        (8, True),
        (9, False),
        (15, False),
        (16, True),
        (24, False),
        (32, True),
        (48, False),
        (64, True),
    ],
)
def test_width_is_checked_after_doubling_rounds(rounds: int, checked: bool) -> None:
    constant_times = [[1.0] * rounds, [1.1] * rounds]
    assert (StoppingRule(0.01, math.inf).reason(constant_times, 0.0) == "target") == checked


def test_stopping_ignores_the_ratio() -> None:
    wide = [[1.0] * 8, [1.0, 2.0] * 4]
    assert StoppingRule(0.01, math.inf).reason(wide, 0.0) is None
    large_but_narrow = [[1.0] * 8, [5.0] * 8]
    assert StoppingRule(0.01, math.inf).reason(large_but_narrow, 0.0) == "target"


def test_widest_variant_decides() -> None:
    rows = [[1.0] * 8, [1.0] * 8, [1.0, 2.0] * 4]
    assert StoppingRule(0.01, math.inf).reason(rows, 0.0) is None


def test_blocks_of_slow_calls_fit_the_budget() -> None:
    simulated = SimulatedCalls([constant(0.050), constant(0.100)])
    simulated.fewest_calls = 3
    # A round of single calls is 0.15 s, and 8 rounds are 1.2 s.
    chosen = [choose_iterations(simulated.calls, simulated, lambda index: None, budget) for budget in (9, 3, 0.1)]
    assert chosen == [(3, 3), (2, 2), (1, 1)]


@pytest.mark.parametrize(("clock", "fewest"), [(CpuClock, 3), (CudaClock, 8)])
def test_fewest_calls_of_each_clock(clock: Any, fewest: int) -> None:
    """One untimed call precedes each block, so 3 of 4 calls are timed on a CPU, and 8 of 9 on CUDA."""
    simulated = SimulatedCalls([constant(0.050), constant(0.050)])
    simulated.fewest_calls = clock.fewest_calls
    iterations = choose_iterations(simulated.calls, simulated, lambda index: None, budget=60.0)
    assert iterations == (fewest, fewest)


class BusyCalls(SimulatedCalls):
    """Calls on a machine that another process keeps busy during some blocks, which take ten times as long."""

    def __init__(self, durations: list[Callable[[int], float]], busy: Callable[[int], bool]) -> None:
        super().__init__(durations)
        self.blocks, self.busy = 0, busy

    def time(self, call: Callable[[], object], iterations: int) -> Elapsed:
        busy = self.busy(self.blocks)
        self.blocks += 1
        elapsed = super().time(call, iterations)
        self.now += 9 * elapsed.wall * busy
        seconds = elapsed.seconds * (10 if busy else 1)
        return Elapsed(seconds, seconds, activity=Activity(0, seconds, 0.9 * seconds * busy, 0.0))


def test_disturbed_rounds_are_kept_and_measured_again() -> None:
    first = 2 * WARMUP_ITERATIONS  # blocks that are timed to choose the iterations
    simulated = BusyCalls([constant(0.020), constant(0.030)], lambda block: block in (first + 2, first + 9))
    trace = run(simulated, StoppingRule(0.01, 1000.0))
    assert trace.stopped_by == "target" and trace.usable
    assert trace.disturbed == (1, 4) and len(trace.seconds[0]) == 10
    assert [max(row) for row in trace.seconds] != pytest.approx([0.020, 0.030])
    assert [set(row) for row in _rounded(trace.counted)] == [{0.020}, {0.030}] and len(trace.counted[0]) == 8


def _rounded(rows: tuple[tuple[float, ...], ...]) -> list[list[float]]:
    return [[round(sample, 6) for sample in row] for row in rows]


def test_disturbed_rounds_do_not_use_the_budget() -> None:
    noise = random.Random(1)
    durations = [lambda count: 0.020 + 0.01 * noise.random(), constant(0.020)]
    simulated = BusyCalls(durations, lambda block: block % 6 == 0)
    trace = run(simulated, StoppingRule(1e-6, 2.0))
    clean = sum(sum(row) for row in trace.counted)
    assert trace.stopped_by == "budget" and len(trace.disturbed) > 5
    assert clean == pytest.approx(2.0, abs=0.06)


def test_patience_ends_sampling_on_a_machine_that_stays_busy() -> None:
    simulated = BusyCalls([constant(0.021), constant(0.021)], lambda block: block >= 2 * WARMUP_ITERATIONS)
    trace = run(simulated, StoppingRule(0.01, 1.0, patience=4.0))
    assert trace.stopped_by == "patience" and not trace.usable
    assert trace.counted == trace.seconds and len(trace.disturbed) == len(trace.seconds[0])
    # A round is two untimed calls of 21 ms and two blocks of 210 ms.
    assert len(trace.disturbed) == math.ceil(4.0 / 0.462)
