"""Time of counting: it depends on the depth of a network, and not on batch and resolution."""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.measure.complexity import count_costs
from bench.measure.counters import count_torch
from bench.measure.memory import count_peak_bytes
from bench.run.workload import build_workload
from bench.suite.axes import Cell, Choice

pytestmark = pytest.mark.perf

SIZES = [(1, 32), (128, 32), (4096, 32), (1, 256), (4096, 256)]


def cell(depth: int = 56, batch: int = 1, resolution: int = 32) -> Cell:
    return Cell(
        Choice(f"cifar_resnet{depth}"), Choice("simam"), Choice("spatial"), "training", "eager", batch, resolution
    )


@pytest.mark.benchmark(group="counting a training step, by size")
@pytest.mark.parametrize(("batch", "resolution"), SIZES)
def test_count_by_size(benchmark: BenchmarkFixture, batch: int, resolution: int) -> None:
    workload = build_workload(cell(batch=batch, resolution=resolution), 0, "meta")
    assert benchmark(count_costs, workload).total.macs > 0


@pytest.mark.benchmark(group="counting a training step, by depth")
@pytest.mark.parametrize("depth", [8, 20, 56, 110])
def test_count_by_depth(benchmark: BenchmarkFixture, depth: int) -> None:
    workload = build_workload(cell(depth), 0, "meta")
    assert benchmark(count_costs, workload).total.macs > 0


@pytest.mark.benchmark(group="one cell")
def test_build_and_count(benchmark: BenchmarkFixture) -> None:
    assert benchmark(lambda: count_costs(build_workload(cell(), 0, "meta"))).total.macs > 0


@pytest.mark.benchmark(group="one cell")
def test_peak_memory(benchmark: BenchmarkFixture) -> None:
    workload = build_workload(cell(), 0, "meta")
    assert benchmark(count_peak_bytes, workload).total > 0


@pytest.mark.benchmark(group="one cell")
def test_counter_of_torch(benchmark: BenchmarkFixture) -> None:
    workload = build_workload(cell(), 0, "meta")
    assert benchmark(count_torch, workload.network, workload.inputs) > 0
