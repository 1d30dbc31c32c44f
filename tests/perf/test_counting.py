"""Counting a network takes as long as Python takes to walk through it: whatever the batch, whatever the resolution."""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.measure.complexity import count_costs
from bench.measure.counters import count_torch
from bench.measure.memory import count_peak_bytes
from bench.run.workload import build
from bench.suite.axes import Cell, Choice

pytestmark = pytest.mark.perf

SIZES = [(1, 32), (128, 32), (4096, 32), (1, 256), (4096, 256)]


def cell(depth: int = 56, batch: int = 1, resolution: int = 32) -> Cell:
    return Cell(
        Choice(f"cifar_resnet{depth}"), Choice("simam"), Choice("spatial"), "training", "eager", batch, resolution
    )


@pytest.mark.benchmark(group="a training step counted, by size")
@pytest.mark.parametrize(("batch", "resolution"), SIZES)
def test_by_size(benchmark: BenchmarkFixture, batch: int, resolution: int) -> None:
    workload = build(cell(batch=batch, resolution=resolution), 0, "meta")
    assert benchmark(count_costs, workload).total.macs > 0


@pytest.mark.benchmark(group="a training step counted, by depth")
@pytest.mark.parametrize("depth", [8, 20, 56, 110])
def test_by_depth(benchmark: BenchmarkFixture, depth: int) -> None:
    workload = build(cell(depth), 0, "meta")
    assert benchmark(count_costs, workload).total.macs > 0


@pytest.mark.benchmark(group="a cell")
def test_built_and_counted(benchmark: BenchmarkFixture) -> None:
    assert benchmark(lambda: count_costs(build(cell(), 0, "meta"))).total.macs > 0


@pytest.mark.benchmark(group="a cell")
def test_memory(benchmark: BenchmarkFixture) -> None:
    workload = build(cell(), 0, "meta")
    assert benchmark(count_peak_bytes, workload).total > 0


@pytest.mark.benchmark(group="a cell")
def test_torchs_counter_for_comparison(benchmark: BenchmarkFixture) -> None:
    workload = build(cell(), 0, "meta")
    assert benchmark(count_torch, workload.network, workload.inputs) > 0
