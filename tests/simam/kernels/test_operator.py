"""The fused operator on the CPU: against the formulas in long doubles, numerical differences, and torch's checks."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from simam import SimAM, simam
from simam.formula import formula
from simam.kernels import available, cpu, fused

needs_kernels = pytest.mark.skipif(not available("cpu"), reason="no C kernels in this installation")
pytestmark = needs_kernels

Exact: TypeAlias = NDArray[np.longdouble]
LAYOUTS = (torch.contiguous_format, torch.channels_last)


def both(run, x: Tensor, gradient: Tensor, e_lambda: float) -> tuple[Tensor, Tensor]:
    """The result and the gradient."""
    x = x.detach().requires_grad_()
    y = run(x, e_lambda)
    return y.detach(), torch.autograd.grad(y, x, gradient)[0]


def published(x: Tensor, gradient: Tensor, e_lambda: float) -> tuple[Exact, Exact]:
    """The result and the gradient by the formulas as they stand in the paper and follow from it, in long doubles."""
    x_, g = (each.double().numpy().astype(np.longdouble) for each in (x, gradient))
    m, axes = x_.shape[2] * x_.shape[3], (2, 3)
    d = x_ - x_.mean(axes, keepdims=True)
    w = (d**2).sum(axes, keepdims=True) / max(m - 1, 1) + np.longdouble(e_lambda)
    q = np.divide(1, 4 * w, out=np.zeros_like(w), where=w > 0)
    s = 1 / (1 + np.exp(-(q * d**2 + 0.5)))
    h = g * x_ * s * (1 - s)
    a, b = (h * d).sum(axes, keepdims=True), (h * d**2).sum(axes, keepdims=True)
    return x_ * s, g * s + 2 * q * h * d - 8 * q**2 * b * d / max(m - 1, 1) - 2 * q * a / m


def off(seen: Tensor, exact: Exact) -> float:
    """The largest error."""
    return float(np.abs(seen.double().numpy() - exact).max())


@given(
    shape=st.tuples(st.integers(1, 4), st.integers(1, 70), st.integers(1, 40), st.integers(1, 40)),
    dtype=st.sampled_from([torch.float32, torch.float64, torch.float16, torch.bfloat16]),
    layout=st.sampled_from(LAYOUTS),
    e_lambda=st.sampled_from([0.0, 1e-30, 1e-6, 1e-4, 0.1, 10.0]),
    scale=st.sampled_from([1e-3, 1.0, 30.0]),
    shift=st.sampled_from([0.0, 1.0, -20.0]),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=150)
def test_as_close_to_the_truth_as_the_formula(shape, dtype, layout, e_lambda, scale, shift, seed) -> None:
    torch.manual_seed(seed)
    x = (torch.randn(shape) * scale + shift * scale).to(dtype).contiguous(memory_format=layout)
    gradient = torch.randn(shape).to(dtype).contiguous(memory_format=layout)
    truth = published(x, gradient, e_lambda)
    theirs, ours = both(formula, x, gradient, e_lambda), both(fused, x, gradient, e_lambda)
    for exact, formulas, own in zip(truth, theirs, ours, strict=True):
        assert own.dtype == dtype and own.stride() == x.stride()
        size = float(np.abs(exact).max())
        error, least = off(own, exact), 8 * torch.finfo(dtype).eps * size
        assert error <= max(2 * off(formulas, exact), least)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_mean_far_from_0_is_corrected(layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    x = (1e5 + torch.randn(2, 16, 28, 28)).contiguous(memory_format=layout)
    gradient = torch.randn_like(x)
    for exact, own in zip(published(x, gradient, 1e-4), both(fused, x, gradient, 1e-4), strict=True):
        # A mean that is rounded to float32 is off by up to 0.004 of the spread here, thousands of times as much.
        assert off(own, exact) <= 16 * torch.finfo(torch.float32).eps * float(np.abs(exact).max())


@given(
    shape=st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(1, 4), st.integers(1, 4)),
    layout=st.sampled_from(LAYOUTS),
    e_lambda=st.sampled_from([1e-3, 0.1, 1.0]),
)
@settings(max_examples=25)
def test_gradients_are_those_of_numerical_differences(shape, layout, e_lambda: float) -> None:
    x = torch.randn(shape, dtype=torch.float64).contiguous(memory_format=layout).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: fused(x, e_lambda), x)
    assert torch.autograd.gradgradcheck(lambda x: fused(x, e_lambda), x)


def test_torchs_own_checks_of_an_operator() -> None:
    x, gradient = (torch.randn(2, 3, 4, 5, requires_grad=True) for _ in range(2))
    torch.library.opcheck(torch.ops.simam.simam.default, (x, 1e-4))
    torch.library.opcheck(torch.ops.simam.simam_backward.default, (gradient, x, 1e-4))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_only_the_input_is_saved(layout: torch.memory_format) -> None:
    kept = []
    x = torch.randn(2, 8, 9, 9).contiguous(memory_format=layout).requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor):
        simam(x)
    assert [each.data_ptr() for each in kept] == [x.data_ptr()]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(3, 64, 28, 28), (2, 130, 61, 67), (1, 3, 300, 300)])
def test_threads_do_not_change_a_bit(shape: tuple[int, ...], layout: torch.memory_format) -> None:
    x = torch.randn(shape).contiguous(memory_format=layout)
    gradient, before = torch.randn_like(x), torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            results.append(both(simam, x, gradient, 1e-4))
    finally:
        torch.set_num_threads(before)
    for one, other in pairwise(results):
        assert all(map(torch.equal, one, other))


def test_other_orders_in_memory_are_taken_too() -> None:
    x = torch.randn(4, 6, 5, 7).permute(0, 1, 3, 2)
    sliced = torch.randn(4, 6, 10, 7)[:, :, ::2]
    for each in (x, sliced, torch.randn(0, 3, 4, 4), torch.randn(2, 3, 0, 4)):
        y = simam(each)
        assert y.shape == each.shape and torch.allclose(y, formula(each, 1e-4), atol=1e-5)


def test_what_is_not_finite_stays_so() -> None:
    x = torch.randn(1, 3, 4, 4)
    x[0, 0, 0, 0], x[0, 1, 0, 0] = torch.nan, torch.inf
    y = simam(x)
    assert y[0, :2].isnan().all() and y[0, 2].isfinite().all()


def test_under_compile_without_a_break_and_in_an_exported_program() -> None:
    module, x = SimAM(), torch.randn(2, 8, 6, 6)
    gradient = torch.randn_like(x)
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    for one, other in zip(
        both(lambda x, _: compiled(x), x, gradient, 0), both(formula, x, gradient, 1e-4), strict=True
    ):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)
    program = torch.export.export(module, (x,))
    assert torch.ops.simam.simam.default in [node.target for node in program.graph.nodes]
    torch.testing.assert_close(program.module()(x), module(x))


def test_exported_to_onnx_it_is_the_formula() -> None:
    pytest.importorskip("onnxscript")
    from onnx.reference import ReferenceEvaluator

    x = torch.randn(2, 3, 4, 5)
    program = torch.onnx.export(SimAM(), (x,), dynamo=True, verbose=False)
    assert program is not None
    model = program.model_proto
    assert {node.domain for node in model.graph.node} == {""}
    [y] = ReferenceEvaluator(model).run(None, {model.graph.input[0].name: x.numpy()})
    torch.testing.assert_close(torch.from_numpy(y), formula(x, 1e-4), atol=1e-5, rtol=1e-5)


def test_transforms_of_torch_func_take_the_formula() -> None:
    x, tangent = torch.randn(5, 2, 3, 4, 4), torch.randn(2, 3, 4, 4)

    def loss(x: Tensor) -> Tensor:
        return simam(x).square().sum()

    def by_formula(x: Tensor) -> Tensor:
        return formula(x, 1e-4).square().sum()

    torch.testing.assert_close(torch.vmap(simam)(x), torch.stack([simam(each) for each in x]))
    torch.testing.assert_close(torch.vmap(torch.func.grad(loss))(x), torch.vmap(torch.func.grad(by_formula))(x))
    torch.testing.assert_close(
        torch.func.jvp(loss, (x[0],), (tangent,)), torch.func.jvp(by_formula, (x[0],), (tangent,))
    )


def test_autocast_leaves_half_types_half() -> None:
    with torch.autocast("cpu"):
        assert simam(torch.randn(1, 2, 4, 4, dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_eager_is_the_formula() -> None:
    x = torch.randn(2, 3, 5, 5)
    assert torch.equal(SimAM(implementation="eager")(x), formula(x, 1e-4))
    with pytest.raises(ValueError, match="implementation is one of auto, eager; not 'fast'"):
        SimAM(implementation="fast")  # type: ignore[arg-type]
    assert "eager" in repr(SimAM(implementation="eager")) and "eager" not in repr(SimAM())


RUNTIMES = """
import os, sys
import torch
from simam import simam
simam(torch.randn(8, 64, 32, 32))
maps = {line.split()[-1] for line in open(f"/proc/{os.getpid()}/maps") if "omp" in line.rsplit("/", 1)[-1]}
print(*sorted(maps))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_one_openmp_runtime_and_it_is_torchs() -> None:
    done = subprocess.run([sys.executable, "-c", RUNTIMES], capture_output=True, text=True, check=True)
    [runtime] = done.stdout.split()
    assert Path(runtime).parent == Path(torch.__file__).parent / "lib"


WITHOUT = """
import warnings, importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "simam.kernels._cpu" else find(name, *rest)
import torch
from simam import simam
from simam.formula import formula
x = torch.randn(2, 3, 4, 4)
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    assert torch.equal(simam(x), formula(x, 1e-4)) and torch.equal(simam(x), formula(x, 1e-4))
print(*(each.message for each in said), sep="\\n")
"""


def test_without_kernels_the_formula_runs_and_that_is_said_once() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True)
    [said] = done.stdout.strip().splitlines()
    assert said.startswith("simam's CPU kernels were not built") and "several times slower" in said


def test_a_stale_build_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "source", lambda folder: "another")
    with pytest.warns(RuntimeWarning, match="older than their source; build them again: pip install -e ."):
        assert cpu.library.__wrapped__() is None


def test_the_build_is_of_this_source() -> None:
    folder = Path(cpu.__file__).parent
    found = cpu.library()
    assert found is not None and found.simam_source().decode() == cpu.source(folder)
