"""Coverage of the 95 % interval of a ratio: sampler, stopping rule and estimate on a simulated machine.

The simulation resembles the machine of ``reports/latency``, where plain ResNet-18 was timed with its A/A control:
within a process, the ratio of a round has a standard deviation of 2 to 3 %, one block in ten is delayed by a tenth,
both sides drift together, and 3.3 s are 50 to 60 rounds. Blocks of the variant are more autocorrelated than there,
which is the harder case. The ratio differs between processes by 0.7 %; with the rest of the variation within a process,
per-process estimates have the observed standard deviation of 0.66 to 1.1 %.
"""

import math
import random
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.stats import binomtest

from bench.measure.timing.sampler import Elapsed, Trace, choose_iterations, ignore_index, sample
from bench.measure.timing.stopping import StoppingRule
from bench.results.statistics import log_ratios, process_estimate, ratio_of, student_interval

pytestmark = [pytest.mark.perf, pytest.mark.usefixtures("frozen_heap")]

RUNS, REPEATS = 2000, 6
RATIO = 1.02
ITERATION = 0.0143
STOPPING = StoppingRule(target=0.01, budget=3.3)


class SimulatedProcess:
    """A fresh process with a baseline and a variant that is slower by the true ratio; it is its own clock.

    No time passes. All deviations are deviations of the logarithm of a block's time.
    """

    separate_wall = False
    shortest_block = 0.020
    fewest_calls = 1
    blocks = 150  # more than the budget allows

    def __init__(self, draw: np.random.Generator) -> None:
        shape = (2, self.blocks)
        layout = draw.normal(0, 0.005, (2, 1))
        noise = 0.015 * autocorrelated(draw, 0.6, shape)
        delays = draw.exponential(0.1, shape) * (draw.random(shape) < 0.1)
        seconds = ITERATION * np.array([[1], [RATIO]]) * np.exp(layout + noise + delays)
        drift = np.exp(0.02 * autocorrelated(draw, 0.9, (2 * self.blocks,)))
        self._seconds = [iter(row) for row in seconds.tolist()]
        self._drift = iter(drift.tolist())
        self.calls: list[Callable[[], object]] = [self._baseline, self._variant]

    @staticmethod
    def _baseline() -> None:
        """Identify the baseline to the clock."""

    @staticmethod
    def _variant() -> None:
        """Identify the variant to the clock."""

    def time(self, call: Callable[[], object], iterations: int) -> Elapsed:
        seconds = iterations * next(self._seconds[self.calls.index(call)]) * next(self._drift)
        return Elapsed(seconds, seconds)


def autocorrelated(draw: np.random.Generator, rho: float, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """A standard normal AR(1) process with coefficient ``rho`` along the last axis."""
    steps = draw.normal(0, math.sqrt(1 - rho**2), shape)
    steps[..., 0] /= math.sqrt(1 - rho**2)
    filtered: NDArray[np.float64] = lfilter([1], [1, -rho], steps)
    return filtered


def simulate(seed: int) -> list[Trace]:
    """The samples of each process of one run."""
    draw, shuffle = np.random.default_rng(seed), random.Random(seed).shuffle
    return [
        sample(
            process.calls,
            choose_iterations(process.calls, process, ignore_index, STOPPING.budget),
            clock=process,
            stopping=STOPPING,
            shuffle=shuffle,
            announce=ignore_index,
        )
        for process in (SimulatedProcess(draw) for _ in range(REPEATS))
    ]


@pytest.fixture(scope="module")
def runs(frozen_heap: None) -> list[list[Trace]]:
    return [simulate(seed) for seed in range(RUNS)]


def ratios(trace: Trace) -> NDArray[np.float64]:
    baseline, variant = trace.seconds
    return log_ratios(variant, baseline)


def test_spread_between_processes_is_realistic(runs: list[list[Trace]]) -> None:
    estimates = [[np.median(ratios(trace)) for trace in run] for run in runs]
    assert 0.0066 < math.sqrt(np.var(estimates, axis=1, ddof=1).mean()) < 0.011


def test_both_stopping_reasons_occur(runs: list[list[Trace]]) -> None:
    by_target = np.mean([trace.stopped_by == "target" for run in runs for trace in run])
    assert 0.1 < by_target < 0.9


def test_coverage_of_the_ratio(runs: list[list[Trace]], capsys: pytest.CaptureFixture[str]) -> None:
    estimates = [ratio_of([process_estimate(ratios(t)) for t in run]) for run in runs]
    intervals = [(estimate.low, estimate.high) for estimate in estimates]
    assert 0.93 < coverage("the estimate", intervals, RATIO, capsys) < 0.97


def test_rounds_are_not_independent(runs: list[list[Trace]], capsys: pytest.CaptureFixture[str]) -> None:
    pooled = [student_interval(np.concatenate([ratios(trace) for trace in run]).tolist()) for run in runs]
    intervals = [(low, high) for _, low, high in pooled]
    assert coverage("all rounds pooled", intervals, math.log(RATIO), capsys) < 0.88


def coverage(
    name: str, intervals: Sequence[tuple[float | None, float | None]], truth: float, capsys: pytest.CaptureFixture[str]
) -> float:
    """The share of the intervals that contain the true value; it is printed."""
    hits = sum(low is not None and high is not None and low <= truth <= high for low, high in intervals)
    result = binomtest(hits, len(intervals))
    low, high = result.proportion_ci(method="wilson")
    with capsys.disabled():  # printed for successful tests too
        print(f"\ncoverage of {name}: {result.statistic:.2%} of {result.n} runs [{low:.2%}, {high:.2%}]")
    return float(result.statistic)
