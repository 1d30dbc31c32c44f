import gc
import math
import random
from collections.abc import Callable

import pytest

from bench.measure.timing.sampler import WARMUP_ITERATIONS, Elapsed, Trace, choose_iterations, sample
from bench.measure.timing.stopping import StoppingRule


class SimulatedCalls:
    """Calls of known duration, and the clock that times them. No real time passes.

    Args:
        durations: for each call, maps its number of earlier calls to its duration in seconds.
    """

    separate_wall = False
    shortest_block = 0.020

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
        choose_iterations(simulated.calls, simulated, announce),
        clock=simulated,
        stopping=stopping,
        shuffle=random.Random(0).shuffle,
        announce=announce,
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
    simulated = SimulatedCalls([constant(0.020), constant(0.040)])
    trace = run(simulated, StoppingRule(0.01, 1000.0), announced.append)
    rounds = len(trace.seconds[0])
    assert len(announced) == 2 + 2 * rounds
    assert simulated.counts == [WARMUP_ITERATIONS + rounds * (1 + n) for n in trace.iterations]


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
