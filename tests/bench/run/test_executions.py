"""Executions: compile if there is a C++ compiler, graph capture on a fake device, and both on a GPU if there is one."""

import gc
import json
import os
import shutil
import subprocess
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from textwrap import dedent

import pytest
import torch
import torch._dynamo
from torch import nn

from bench.measure import compilation
from bench.run.executions import compile as compile_execution
from bench.run.executions import graph as graph_execution
from bench.run.workload import build_workload
from bench.suite.axes import Cell, Choice
from tests.helpers import tiny

ROOT = Path(__file__).parents[3]

needs_compiler = pytest.mark.skipif(
    shutil.which(os.environ.get("CXX", "g++")) is None, reason="torch.compile needs a C++ compiler"
)
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def cell(**axes: object) -> Cell:
    # One thread: a compiled CPU program is for one number of threads, and other tests may change torch's default.
    return Cell(Choice("tests.helpers:tiny"), Choice("none"), resolution=8, batch=2, threads=1, **axes)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def restored_settings() -> Iterator[None]:
    """Restore the compiler's settings and the number of threads, and discard compiled programs."""
    threads = torch.get_num_threads()
    kept = ("recompile_limit", "accumulated_recompile_limit", "suppress_errors", "fail_on_recompile_limit_hit")
    with torch._dynamo.config.patch({name: getattr(torch._dynamo.config, name) for name in kept}):
        yield
    torch._dynamo.reset()
    torch.set_num_threads(threads)


@needs_compiler
@pytest.mark.parametrize("mode", ["inference", "training"])
def test_compiled_output_and_compile_time(mode: str) -> None:
    compiled = build_workload(cell(mode=mode, execution="compile"), 3, "cpu")
    eager = build_workload(cell(mode=mode, execution="eager"), 3, "cpu")
    assert torch.allclose(compiled.call(), eager.call(), atol=1e-6)
    assert [(value.name, value.unit, len(value.samples)) for value in compiled.values] == [
        ("compile_time", "s", 1),
        ("graph_breaks", "1", 1),
    ]
    assert compiled.values[1].samples == (0,)  # a convolution, a norm and a linear layer are one program
    assert compiled.settings["graphs"] == 1
    assert eager.values == () and "graphs" not in eager.settings


@needs_compiler
def test_fresh_process_uses_compiler_cache() -> None:
    code = f"""
        import json
        from bench.run.workload import build_workload
        from bench.suite.axes import Cell, Choice
        print(json.dumps(build_workload({cell(mode="inference", execution="compile")!r}, 0, "cpu").settings))
    """
    command = [sys.executable, "-c", dedent(code)]
    first, second = (subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True) for _ in range(2))
    assert "compiler_cache_hits" in json.loads(first.stdout)
    settings = json.loads(second.stdout)
    assert (settings["compiler_cache_hits"], settings["compiler_cache_misses"]) == (1, 0)


class Counter(nn.Module):
    """A new program for every call, since torch compiles a module's integers as constants."""

    calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return x * self.calls


@needs_compiler
def test_recompile_limit_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilation, "RECOMPILE_LIMIT", 2)
    forward = compilation.compile_network(Counter())
    assert [float(forward(torch.ones(1))) for _ in range(2)] == [1.0, 2.0]
    with pytest.raises(Exception, match="recompile_limit"):
        forward(torch.ones(1))


@needs_compiler
def test_recompile_limit_is_per_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilation, "RECOMPILE_LIMIT", 1)
    for _ in range(2):
        assert float(compilation.compile_network(Counter())(torch.ones(1))) == 1.0


class Breaks(nn.Module):
    """A module with one graph break, or with graph breaks in a loop, which torch does not compile at all."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.times == 1:
            torch._dynamo.graph_break()
        for _ in range(self.times if self.times > 1 else 0):
            torch._dynamo.graph_break()
            x = x * 2
        return x + 1


@needs_compiler
def test_number_of_graph_breaks() -> None:
    forward = compilation.compile_network(Breaks(1))
    ready = compile_execution.prepare(partial(forward, torch.ones(1)))
    [_, breaks] = ready.values
    assert (breaks.name, breaks.samples) == ("graph_breaks", (1,))
    assert ready.settings["graphs"] == 1 and float(ready.call()) == 2.0


def test_network_without_compiled_part_raises() -> None:
    forward = compilation.compile_network(nn.Sequential(tiny(), Breaks(2)))
    with pytest.raises(RuntimeError, match="compiled no part of the network"):
        compile_execution.prepare(partial(forward, torch.randn(2, 3, 8, 8)))


def test_compiler_errors_are_not_suppressed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch._dynamo.config, "suppress_errors", True)
    forward = compilation.compile_network(tiny())
    with pytest.raises(Exception, match="channels"):
        forward(torch.randn(2, 1, 8, 8))


@pytest.mark.parametrize("execution", ["compile", "graph"])
def test_nothing_is_compiled_or_captured_on_meta(execution: str) -> None:
    workload = build_workload(cell(mode="inference", execution=execution), 0, "meta")
    assert workload.values == () and "graphs" not in workload.settings


def test_graph_needs_a_cuda_device() -> None:
    with pytest.raises(ValueError, match="execution graph needs a CUDA device"):
        build_workload(cell(mode="inference", execution="graph"), 0, "cpu")


class FakeCuda:
    """A device that logs its commands with their streams."""

    class Stream:
        def __init__(self, device: "FakeCuda", name: str) -> None:
            self.device, self.name = device, name

        def wait_stream(self, other: "FakeCuda.Stream") -> None:
            self.device.log.append(f"{self.name} waits for {other.name}")

    class Graph:
        def __init__(self, device: "FakeCuda") -> None:
            self.device = device

        def replay(self) -> None:
            self.device.log.append("replay")

    def __init__(self) -> None:
        self.log: list[str] = []
        self.main = self.now = FakeCuda.Stream(self, "main")

    def current_stream(self) -> "FakeCuda.Stream":
        return self.now

    @contextmanager
    def stream(self, stream: "FakeCuda.Stream") -> Iterator[None]:
        self.now = stream
        yield
        self.now = self.main

    @contextmanager
    def graph(self, graph: "FakeCuda.Graph") -> Iterator[None]:
        self.now = FakeCuda.Stream(self, "graph")
        yield
        self.now = self.main


def test_capture_follows_torchs_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    device, output = FakeCuda(), torch.zeros(1)
    monkeypatch.setattr(graph_execution.torch, "cuda", device)
    monkeypatch.setattr(device, "CUDAGraph", lambda: FakeCuda.Graph(device), raising=False)
    monkeypatch.setattr(device, "Stream", lambda: FakeCuda.Stream(device, "side"), raising=False)

    def call() -> torch.Tensor:
        device.log.append(f"call on {device.now.name}")
        return output

    ready = graph_execution.prepare(call)
    # https://docs.pytorch.org/docs/stable/notes/cuda.html, "Whole-network capture"
    recipe = ["side waits for main", *["call on side"] * 3, "main waits for side", "call on graph"]
    assert device.log == recipe
    assert ready.call() is output and ready.call() is output
    assert device.log == [*recipe, "replay", "replay"]
    reference = weakref.ref(call)
    del call
    gc.collect()
    assert reference() is not None  # the call holds tensors that the graph reads: targets, an optimizer's state


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("mode", ["inference", "training"])
@pytest.mark.parametrize("execution", ["graph", "compile"])
def test_executions_agree_on_a_gpu(mode: str, execution: str) -> None:
    workload, eager = (build_workload(cell(mode=mode, execution=name), 3, "cuda") for name in (execution, "eager"))
    before = [parameter.clone() for parameter in workload.network.parameters()]
    for _ in range(3):
        assert torch.allclose(workload.call(), eager.call(), atol=1e-2, rtol=1e-2)  # TF32 has three digits
    assert all(torch.equal(old, new) for old, new in zip(before, workload.network.parameters(), strict=True))


@pytest.mark.gpu
@needs_gpu
def test_replay_reads_the_current_inputs() -> None:
    workload = build_workload(cell(mode="inference", execution="graph"), 3, "cuda")
    first = workload.call().clone()
    workload.inputs.zero_()
    assert not torch.equal(workload.call(), first)
