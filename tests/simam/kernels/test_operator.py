"""Fused operator on the CPU, compared with the formula in extended precision and with numerical derivatives."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from simam import SimAM, simam
from simam.formula import formula
from simam.kernels import available, cpu, fused

needs_kernels = pytest.mark.skipif(not available("cpu"), reason="no C kernels in this installation")
pytestmark = needs_kernels

LongDouble: TypeAlias = NDArray[np.longdouble]
MEMORY_FORMATS = (torch.contiguous_format, torch.channels_last)


def output_and_gradient(function, x: Tensor, gradient: Tensor, e_lambda: float) -> tuple[Tensor, Tensor]:
    """Output of a function and gradient of its input."""
    x = x.detach().requires_grad_()
    y = function(x, e_lambda)
    return y.detach(), torch.autograd.grad(y, x, gradient)[0]


def long_double_reference(x: Tensor, gradient: Tensor, e_lambda: float) -> tuple[LongDouble, LongDouble]:
    """Output and input gradient in long double, by the formula of the paper and its derivative."""
    x_, g = (tensor.double().numpy().astype(np.longdouble) for tensor in (x, gradient))
    m, axes = x_.shape[2] * x_.shape[3], (2, 3)
    d = x_ - x_.mean(axes, keepdims=True)
    w = (d**2).sum(axes, keepdims=True) / max(m - 1, 1) + np.longdouble(e_lambda)
    q = np.divide(1, 4 * w, out=np.zeros_like(w), where=w > 0)
    s = 1 / (1 + np.exp(-(q * d**2 + 0.5)))
    h = g * x_ * s * (1 - s)
    a, b = (h * d).sum(axes, keepdims=True), (h * d**2).sum(axes, keepdims=True)
    return x_ * s, g * s + 2 * q * h * d - 8 * q**2 * b * d / max(m - 1, 1) - 2 * q * a / m


def max_error(actual: Tensor, expected: LongDouble) -> float:
    return float(np.abs(actual.double().numpy() - expected).max())


@given(
    shape=st.tuples(st.integers(1, 4), st.integers(1, 70), st.integers(1, 40), st.integers(1, 40)),
    dtype=st.sampled_from([torch.float32, torch.float64, torch.float16, torch.bfloat16]),
    memory_format=st.sampled_from(MEMORY_FORMATS),
    e_lambda=st.sampled_from([0.0, 1e-30, 1e-6, 1e-4, 0.1, 10.0]),
    scale=st.sampled_from([1e-3, 1.0, 30.0]),
    shift=st.sampled_from([0.0, 1.0, -20.0]),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=150)
def test_operator_is_as_accurate_as_formula(shape, dtype, memory_format, e_lambda, scale, shift, seed) -> None:
    # With two positions and a negligible λ the gate is a constant: the terms of its derivative cancel exactly, and
    # rounding them can exceed any tolerance that is relative to the result.
    assume(e_lambda > 1e-30 or shape[2] * shape[3] > 2)
    torch.manual_seed(seed)
    x = (torch.randn(shape) * scale + shift * scale).to(dtype).contiguous(memory_format=memory_format)
    gradient = torch.randn(shape).to(dtype).contiguous(memory_format=memory_format)
    reference = long_double_reference(x, gradient, e_lambda)
    by_formula = output_and_gradient(formula, x, gradient, e_lambda)
    by_operator = output_and_gradient(fused, x, gradient, e_lambda)
    for expected, from_formula, from_operator in zip(reference, by_formula, by_operator, strict=True):
        assert from_operator.dtype == dtype and from_operator.stride() == x.stride()
        rounding = 8 * torch.finfo(dtype).eps * float(np.abs(expected).max())
        assert max_error(from_operator, expected) <= max(2 * max_error(from_formula, expected), rounding)


@pytest.mark.parametrize("memory_format", MEMORY_FORMATS)
def test_mean_far_from_zero_loses_no_precision(memory_format: torch.memory_format) -> None:
    torch.manual_seed(0)
    x = (1e5 + torch.randn(2, 16, 28, 28)).contiguous(memory_format=memory_format)
    gradient = torch.randn_like(x)
    reference, results = long_double_reference(x, gradient, 1e-4), output_and_gradient(fused, x, gradient, 1e-4)
    for expected, actual in zip(reference, results, strict=True):
        # Without the correction, the rounded mean is wrong by up to 0.004 standard deviations, which exceeds this
        # tolerance thousands of times.
        assert max_error(actual, expected) <= 16 * torch.finfo(torch.float32).eps * float(np.abs(expected).max())


@given(
    shape=st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(1, 4), st.integers(1, 4)),
    memory_format=st.sampled_from(MEMORY_FORMATS),
    e_lambda=st.sampled_from([1e-3, 0.1, 1.0]),
)
@settings(max_examples=25)
def test_first_and_second_derivatives_numerically(shape, memory_format, e_lambda: float) -> None:
    x = torch.randn(shape, dtype=torch.float64).contiguous(memory_format=memory_format).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: fused(x, e_lambda), x)
    assert torch.autograd.gradgradcheck(lambda x: fused(x, e_lambda), x)


def test_operators_pass_torch_opcheck() -> None:
    x, gradient = (torch.randn(2, 3, 4, 5, requires_grad=True) for _ in range(2))
    torch.library.opcheck(torch.ops.simam.simam.default, (x, 1e-4))
    torch.library.opcheck(torch.ops.simam.simam_backward.default, (gradient, x, 1e-4))


@pytest.mark.parametrize("memory_format", MEMORY_FORMATS)
def test_only_the_input_is_saved(memory_format: torch.memory_format) -> None:
    saved = []
    x = torch.randn(2, 8, 9, 9).contiguous(memory_format=memory_format).requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: saved.append(tensor) or tensor, lambda tensor: tensor):
        simam(x)
    assert [tensor.data_ptr() for tensor in saved] == [x.data_ptr()]


@pytest.mark.parametrize("memory_format", MEMORY_FORMATS)
@pytest.mark.parametrize("shape", [(3, 64, 28, 28), (2, 130, 61, 67), (1, 3, 300, 300)])
def test_threads_do_not_change_result(shape: tuple[int, ...], memory_format: torch.memory_format) -> None:
    x = torch.randn(shape).contiguous(memory_format=memory_format)
    gradient, default_threads = torch.randn_like(x), torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            results.append(output_and_gradient(simam, x, gradient, 1e-4))
    finally:
        torch.set_num_threads(default_threads)
    for one, other in pairwise(results):
        assert all(map(torch.equal, one, other))


def test_other_memory_layouts_and_empty_tensors() -> None:
    permuted = torch.randn(4, 6, 5, 7).permute(0, 1, 3, 2)
    sliced = torch.randn(4, 6, 10, 7)[:, :, ::2]
    for x in (permuted, sliced, torch.randn(0, 3, 4, 4), torch.randn(2, 3, 0, 4)):
        y = simam(x)
        assert y.shape == x.shape and torch.allclose(y, formula(x, 1e-4), atol=1e-5)


def test_nan_and_infinity_give_nan_in_their_map_only() -> None:
    x = torch.randn(1, 3, 4, 4)
    x[0, 0, 0, 0], x[0, 1, 0, 0] = torch.nan, torch.inf
    y = simam(x)
    assert y[0, :2].isnan().all() and y[0, 2].isfinite().all()


def test_compile_without_graph_break_and_export() -> None:
    module, x = SimAM(), torch.randn(2, 8, 6, 6)
    gradient = torch.randn_like(x)
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    for one, other in zip(
        output_and_gradient(lambda x, _: compiled(x), x, gradient, 0),
        output_and_gradient(formula, x, gradient, 1e-4),
        strict=True,
    ):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)
    program = torch.export.export(module, (x,))
    assert torch.ops.simam.simam.default in [node.target for node in program.graph.nodes]
    torch.testing.assert_close(program.module()(x), module(x))


def test_onnx_export_uses_formula() -> None:
    pytest.importorskip("onnxscript")
    from onnx.reference import ReferenceEvaluator

    x = torch.randn(2, 3, 4, 5)
    program = torch.onnx.export(SimAM(), (x,), dynamo=True, verbose=False)
    assert program is not None
    model = program.model_proto
    assert {node.domain for node in model.graph.node} == {""}
    [y] = ReferenceEvaluator(model).run(None, {model.graph.input[0].name: x.numpy()})
    torch.testing.assert_close(torch.from_numpy(y), formula(x, 1e-4), atol=1e-5, rtol=1e-5)


def test_torch_func_transforms_use_formula() -> None:
    x, tangent = torch.randn(5, 2, 3, 4, 4), torch.randn(2, 3, 4, 4)

    def loss(x: Tensor) -> Tensor:
        return simam(x).square().sum()

    def formula_loss(x: Tensor) -> Tensor:
        return formula(x, 1e-4).square().sum()

    torch.testing.assert_close(torch.vmap(simam)(x), torch.stack([simam(sample) for sample in x]))
    torch.testing.assert_close(torch.vmap(torch.func.grad(loss))(x), torch.vmap(torch.func.grad(formula_loss))(x))
    torch.testing.assert_close(
        torch.func.jvp(loss, (x[0],), (tangent,)), torch.func.jvp(formula_loss, (x[0],), (tangent,))
    )


def test_autocast_keeps_bfloat16() -> None:
    with torch.autocast("cpu"):
        assert simam(torch.randn(1, 2, 4, 4, dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_eager_implementation_is_formula() -> None:
    x = torch.randn(2, 3, 5, 5)
    assert torch.equal(SimAM(implementation="eager")(x), formula(x, 1e-4))
    with pytest.raises(ValueError, match="implementation must be one of auto, eager; not 'fast'"):
        SimAM(implementation="fast")  # type: ignore[arg-type]
    assert "eager" in repr(SimAM(implementation="eager")) and "eager" not in repr(SimAM())


PRINT_OPENMP_RUNTIMES = """
import os, sys
import torch
from simam import simam
simam(torch.randn(8, 64, 32, 32))
libraries = {line.split()[-1] for line in open(f"/proc/{os.getpid()}/maps") if "omp" in line.rsplit("/", 1)[-1]}
print(*sorted(libraries))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_only_openmp_runtime_is_torchs() -> None:
    completed = subprocess.run(
        [sys.executable, "-c", PRINT_OPENMP_RUNTIMES], capture_output=True, text=True, check=True
    )
    [runtime] = completed.stdout.split()
    assert Path(runtime).parent == Path(torch.__file__).parent / "lib"


RUN_WITHOUT_KERNELS = """
import warnings, importlib.util
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "simam.kernels._cpu" else find_spec(name, *rest)
import torch
from simam import simam
from simam.formula import formula
x = torch.randn(2, 3, 4, 4)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    assert torch.equal(simam(x), formula(x, 1e-4)) and torch.equal(simam(x), formula(x, 1e-4))
print(*(warning.message for warning in caught), sep="\\n")
"""


def test_missing_kernels_fall_back_with_one_warning() -> None:
    completed = subprocess.run([sys.executable, "-c", RUN_WITHOUT_KERNELS], capture_output=True, text=True, check=True)
    [warning] = completed.stdout.strip().splitlines()
    assert warning.startswith("simam's CPU kernels were not built") and "several times slower" in warning


def test_stale_build_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "source_hash", lambda folder: "another")
    with pytest.warns(RuntimeWarning, match=r"older than their source \(rebuild them with: pip install -e \.\)"):
        assert cpu.library.__wrapped__() is None


def test_build_matches_source() -> None:
    folder = Path(cpu.__file__).parent
    kernels = cpu.library()
    assert kernels is not None and kernels.simam_source().decode() == cpu.source_hash(folder)
