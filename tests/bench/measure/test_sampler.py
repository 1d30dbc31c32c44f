import gc
import math
import random
from collections.abc import Callable

import pytest

from bench.measure.timing.sampler import WARM_UP, Elapsed, calibrate, sample
from bench.measure.timing.stopping import Stopping


class World:
    """Calls that take known times, and the clock that sees them: no time passes in these tests."""

    separate_wall = False
    shortest_block = 0.020

    def __init__(self, costs: list[Callable[[int], float]]) -> None:
        self.now = 0.0
        self.log: list[int] = []
        self.counts = [0] * len(costs)
        self.calls = [self._call(index, cost) for index, cost in enumerate(costs)]

    def _call(self, index: int, cost: Callable[[int], float]) -> Callable[[], None]:
        def call() -> None:
            self.log.append(index)
            self.now += cost(self.counts[index])
            self.counts[index] += 1

        return call

    def time(self, call: Callable[[], object], iterations: int) -> Elapsed:
        start = self.now
        for _ in range(iterations):
            call()
        return Elapsed(self.now - start, self.now - start)


def constant(seconds: float) -> Callable[[int], float]:
    return lambda count: seconds


def run(world: World, stopping: Stopping, announce: Callable[[int], None] = lambda index: None):  # type: ignore[no-untyped-def]
    iterations = calibrate(world.calls, world, announce)
    return sample(
        world.calls, iterations, clock=world, stopping=stopping, shuffle=random.Random(0).shuffle, announce=announce
    )


def test_samples_are_seconds_an_iteration_and_blocks_are_long_enough() -> None:
    trace = run(World([constant(0.003), constant(0.050)]), Stopping(0.01, 10.0))
    assert trace.iterations == (7, 1)  # 7 × 3 ms is the first block of at least 20 ms
    assert trace.seconds[0][0] == pytest.approx(0.003) and trace.seconds[1][0] == pytest.approx(0.050)
    assert trace.walls is None


def test_constant_times_stop_at_the_first_look_by_target() -> None:
    trace = run(World([constant(0.020), constant(0.030)]), Stopping(0.01, 1000.0))
    assert trace.stopped_by == "target"
    assert len(trace.seconds[0]) == len(trace.seconds[1]) == 8


def test_noise_stops_at_the_budget_of_timed_seconds() -> None:
    noise = random.Random(1)
    world = World([lambda count: 0.020 * math.exp(noise.gauss(0, 1)), constant(0.020)])
    trace = run(world, Stopping(0.001, 2.0))
    spent = sum(s * n for row, n in zip(trace.seconds, trace.iterations, strict=True) for s in row)
    last = sum(row[-1] * n for row, n in zip(trace.seconds, trace.iterations, strict=True))
    assert trace.stopped_by == "budget"
    assert spent >= 2.0 > spent - last


def test_each_switch_is_announced_and_followed_by_one_untimed_iteration() -> None:
    heard: list[int] = []
    world = World([constant(0.020), constant(0.040)])
    trace = run(world, Stopping(0.01, 1000.0), heard.append)
    rounds = len(trace.seconds[0])
    assert len(heard) == 2 + 2 * rounds
    assert world.counts == [WARM_UP + rounds * (1 + n) for n in trace.iterations]


def test_the_order_is_shuffled_anew_in_every_round_and_every_round_is_complete() -> None:
    noise = random.Random(1)
    heard: list[int] = []
    world = World([lambda count: 0.020 + noise.random()] * 3)
    run(world, Stopping(1e-9, 100.0), heard.append)
    rounds = [tuple(heard[start : start + 3]) for start in range(3, len(heard), 3)]
    assert all(sorted(order) == [0, 1, 2] for order in rounds)
    assert len(set(rounds)) == 6  # all orders of three come up


def test_the_garbage_collector_rests_while_sampling_and_is_put_back() -> None:
    seen: list[bool] = []
    run(World([constant(0.020), constant(0.020)]), Stopping(0.01, 1.0), lambda index: seen.append(gc.isenabled()))
    assert seen[:2] == [True, True] and not any(seen[2:])
    assert gc.isenabled()


@pytest.mark.parametrize(
    ("rounds", "looked"),
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
def test_only_doubling_rounds_are_looked_at(rounds: int, looked: bool) -> None:
    flat = [[1.0] * rounds, [1.1] * rounds]
    assert (Stopping(0.01, math.inf).reason(flat, 0.0) == "target") == looked


def test_the_ratio_itself_never_stops_sampling() -> None:
    wild = [[1.0] * 8, [1.0, 2.0] * 4]
    assert Stopping(0.01, math.inf).reason(wild, 0.0) is None
    far_but_narrow = [[1.0] * 8, [5.0] * 8]
    assert Stopping(0.01, math.inf).reason(far_but_narrow, 0.0) == "target"


def test_the_widest_variant_decides() -> None:
    rows = [[1.0] * 8, [1.0] * 8, [1.0, 2.0] * 4]
    assert Stopping(0.01, math.inf).reason(rows, 0.0) is None
