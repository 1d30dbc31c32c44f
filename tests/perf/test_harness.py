"""Hot paths of the harness: expanding a plan, sampling, reading records, estimating and writing a report."""

import random
import shutil
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from time import monotonic

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from bench.measure.timing.cpu import CpuClock
from bench.measure.timing.sampler import Elapsed, Trace, sample
from bench.measure.timing.stopping import StoppingRule
from bench.report.writer import build_report, save
from bench.results.estimates import estimate
from bench.store.frame import load_frame
from bench.store.record import Record
from bench.store.shards import read_records
from bench.store.stored_run import StoredRun
from bench.suite.plan import expand
from tests.helpers import suite

pytestmark = [pytest.mark.perf, pytest.mark.benchmark(group="harness")]

REPORT = Path(__file__).parents[2] / "reports/latency"

LARGE = """
    name: large
    axes:
      backbone: [resnet18, resnet50, mobilenet_v2, cifar_resnet20]
      attention: [none, se, cbam, eca, {simam: {e_lambda: [1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6]}}]
      placement: [spatial, branch_end]
      mode: [inference, training]
      batch: [1, 2, 4, 8, 16, 32, 64, 128]
    baseline: {attention: none}
    measures:
      complexity: {}
      memory: {}
      latency: {}
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Twenty copies of a committed run, with some thousands of records in all."""
    folder = tmp_path_factory.mktemp("runs")
    return [shutil.copytree(REPORT, folder / str(number)) for number in range(20)]


def test_read_records(benchmark: BenchmarkFixture, runs: list[Path]) -> None:
    def read() -> list[Record]:
        return [record for run in runs for record in read_records(run / "records.jsonl")]

    assert len(benchmark(read)) > 2000


def test_load_frame(benchmark: BenchmarkFixture, runs: list[Path]) -> None:
    assert len(benchmark(load_frame, *runs)) > 2000


def test_estimate(benchmark: BenchmarkFixture, runs: list[Path]) -> None:
    assert benchmark(estimate, load_frame(*runs))


def test_write_report(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    def write() -> None:
        save(build_report([StoredRun.load(REPORT)]), tmp_path, ["md"])

    benchmark(write)
    assert (tmp_path / "report.md").exists()


def test_expand(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    assert benchmark(expand, suite(tmp_path, LARGE)).groups


@pytest.mark.parametrize("fewest", [1, CpuClock.fewest_calls])
def test_timed_seconds_per_wall_second(benchmark: BenchmarkFixture, fewest: int) -> None:
    """The share of sampling that is timed, for calls that are longer than the shortest block.

    One untimed call precedes each block, so it is about 1/2 with one call in a block, and 3/4 with three.
    """
    matrix = torch.ones(1200, 1200)
    calls: list[Callable[[], object]] = [lambda: matrix @ matrix] * 3
    stopping = StoppingRule(target=1e-9, budget=2.0, patience=10.0)
    clock, start = CpuClock(), monotonic()

    def process() -> Trace:
        return sample(
            calls,
            [fewest] * len(calls),
            clock=clock,
            stopping=stopping,
            shuffle=random.Random(0).shuffle,
            announce=lambda index: None,
        )

    trace = benchmark.pedantic(process)
    assert trace.stopped_by == "budget"
    timed = sum(fewest * second for samples in trace.seconds for second in samples)
    benchmark.extra_info["timed_share"] = timed / (monotonic() - start)


class Instant:
    """A clock that returns varying times without any time passing."""

    separate_wall = False
    shortest_block = 0.020
    fewest_calls = 1

    def __init__(self) -> None:
        self._seconds = cycle((0.019, 0.020, 0.021))

    def time(self, call: Callable[[], object], iterations: int) -> Elapsed:
        seconds = next(self._seconds)
        return Elapsed(seconds, seconds)


@pytest.mark.usefixtures("frozen_heap")
def test_500_rounds_of_six_variants(benchmark: BenchmarkFixture) -> None:
    rounds = 500
    calls: list[Callable[[], object]] = [lambda: None] * 6

    def process() -> Trace:
        return sample(
            calls,
            [1] * len(calls),
            clock=Instant(),
            stopping=StoppingRule(target=1e-9, budget=rounds * len(calls) * 0.020),
            shuffle=random.Random(0).shuffle,
            announce=lambda index: None,
        )

    assert len(benchmark(process).seconds[0]) == pytest.approx(rounds, abs=1)
