"""Inputs on which the published code fails or loses precision, and the derivation of the formula from the energy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize
from torch import Tensor

from simam import simam

MIN_GATE = 1 / (1 + np.exp(-0.5))
"""sigmoid(1/2), the gate of a neuron at the mean of its map."""


def reference(x: Tensor, e_lambda: float) -> Tensor:
    """SimAM by its formula in float64, for maps of more than one position."""
    z = x.double()
    d2 = (z - z.mean((2, 3), keepdim=True)) ** 2
    v = d2.sum((2, 3), keepdim=True) / (x.shape[2] * x.shape[3] - 1)
    return z * torch.sigmoid(d2 / (4 * (v + e_lambda)) + 0.5)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("e_lambda", [0.0, 1e-4, 0.1])
def test_1x1_maps_have_gate_and_gradient_sigmoid_half(dtype: torch.dtype, e_lambda: float) -> None:
    x = torch.randn(4, 8, 1, 1, dtype=dtype, requires_grad=True)
    y = simam(x, e_lambda)
    y.sum().backward()
    tolerance = {torch.float16: 1e-3, torch.bfloat16: 8e-3}.get(dtype, 1e-6)
    torch.testing.assert_close(y.double(), x.double() * MIN_GATE, rtol=tolerance, atol=0)
    torch.testing.assert_close(x.grad.double(), torch.full_like(x, MIN_GATE).double(), rtol=tolerance, atol=0)


@pytest.mark.parametrize("scale", [1.0, 10.0, 100.0, 1000.0])
def test_fp16_does_not_overflow(scale: float) -> None:
    # Σd² of randn × 10 on 56×56 is about 313 600; the largest float16 is 65 504.
    x = (torch.randn(1, 4, 56, 56, generator=torch.Generator().manual_seed(0)) * scale).half()
    y = simam(x, 1e-4)
    assert y.dtype == torch.float16
    torch.testing.assert_close(y.double(), reference(x, 1e-4), rtol=2e-3, atol=1e-6)


def test_bf16_is_computed_in_fp32() -> None:
    x = torch.randn(2, 4, 14, 14, dtype=torch.bfloat16)
    expected = reference(x, 1e-4)
    # The only error is one rounding to bfloat16, half a unit in the last of 8 bits.
    assert ((simam(x, 1e-4).double() - expected).abs() <= expected.abs() * 2.0**-8).all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("value", [0.0, 0.1, -3.0, 1e4])
@pytest.mark.parametrize("e_lambda", [0.0, 1e-300, 1e-50, 1e-30, 1e-18, 1e-12, 1e-4])
def test_constant_maps_give_finite_results(dtype: torch.dtype, value: float, e_lambda: float) -> None:
    x = torch.full((1, 2, 7, 7), value, dtype=dtype, requires_grad=True)
    y = simam(x, e_lambda)
    y.sum().backward()
    assert y.isfinite().all() and x.grad.isfinite().all()
    gate = (y / x) if value else torch.tensor(MIN_GATE)
    assert (gate >= MIN_GATE - 0.01).all() and (gate < 1).all()


@pytest.mark.parametrize("value", [0.1, -3.0, 1e4])
def test_constant_map_without_lambda_has_gate_sigmoid_half(value: float) -> None:
    x = torch.full((1, 1, 7, 7), value, requires_grad=True)
    y = simam(x, 0.0)
    y.sum().backward()
    torch.testing.assert_close(y, x * MIN_GATE)
    torch.testing.assert_close(x.grad, torch.full_like(x, MIN_GATE))


@pytest.mark.parametrize("e_lambda", [0.0, 1e-10, 1.0, 1e10, 1e300])
def test_lambda_from_zero_to_huge(e_lambda: float) -> None:
    x = torch.randn(2, 3, 5, 5)
    torch.testing.assert_close(simam(x, e_lambda), reference(x, e_lambda).float())


def test_autocast_keeps_dtype() -> None:
    x = torch.randn(1, 2, 4, 4, dtype=torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert simam(x).dtype == torch.bfloat16
        assert torch.equal(simam(x), simam(x.clone()))
        assert simam(x.float()).dtype == torch.float32


def memory_layouts() -> dict[str, Tensor]:
    """Tensors in several memory layouts, by name."""
    x = torch.randn(2, 6, 5, 7)
    return {
        "contiguous": x,
        "channels_last": x.contiguous(memory_format=torch.channels_last),
        "transposed": x.transpose(2, 3),
        "permuted": x.permute(1, 3, 0, 2),
        "sliced": x[:, ::2, 1:, ::2],
        "expanded": x[:, :1].expand(2, 6, 5, 7),
    }


@pytest.mark.parametrize("name", memory_layouts())
def test_memory_layout_is_kept_and_changes_no_value(name: str) -> None:
    x = memory_layouts()[name]
    y = simam(x, 0.1)
    torch.testing.assert_close(y, simam(x.contiguous(), 0.1))
    if name != "expanded":
        # torch.preserve_format defines what it means to keep the memory layout.
        assert y.stride() == torch.empty_like(x).stride()


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 3, 4, 5), (1, 2, 1, 6)])
@pytest.mark.parametrize("e_lambda", [1e-4, 0.1])
def test_gradient_numerically_in_float64(shape: tuple[int, ...], e_lambda: float) -> None:
    x = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1), requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: simam(x, e_lambda), (x,))


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1e-6, 1e-2, 1.0]))
def test_gradient_matches_closed_form(seed: int, e_lambda: float) -> None:
    """dx = g s + h d / (2w) − d B / (2 (M−1) w²) − A / (2 w M), the derivative of y derived by hand."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64, generator=generator, requires_grad=True)
    g = torch.randn(2, 3, 4, 5, dtype=torch.float64, generator=generator)
    simam(x, e_lambda).backward(g)
    with torch.no_grad():
        m, d = 20, x - x.mean((2, 3), keepdim=True)
        w = (d**2).sum((2, 3), keepdim=True) / (m - 1) + e_lambda
        s = torch.sigmoid(d**2 / (4 * w) + 0.5)
        h = g * x * s * (1 - s)
        a, b = (h * d).sum((2, 3), keepdim=True), (h * d**2).sum((2, 3), keepdim=True)
        expected = g * s + h * d / (2 * w) - d * b / (2 * (m - 1) * w**2) - a / (2 * w * m)
    torch.testing.assert_close(x.grad, expected, rtol=1e-9, atol=1e-12)


map_values = st.lists(st.floats(-3, 3), min_size=4, max_size=12).filter(lambda values: np.std(values) > 0.1)


@given(map_values, st.sampled_from([1e-3, 0.1, 1.0]))
def test_energy_minimum_matches_closed_form(values: list[float], e_lambda: float) -> None:
    """Equations 2 to 4 of the paper: the numerical minimum over (w, b), with statistics that exclude t."""
    t, others = values[0], np.asarray(values[1:])

    def energy(parameters: np.ndarray) -> float:
        w, b = parameters
        return float(np.mean((-1 - (w * others + b)) ** 2) + (1 - (w * t + b)) ** 2 + e_lambda * w**2)

    mean, variance = others.mean(), others.var()
    w = 2 * (t - mean) / ((t - mean) ** 2 + 2 * variance + 2 * e_lambda)
    b = -(t + mean) * w / 2
    minimum = optimize.minimize(energy, np.zeros(2), method="BFGS", options={"gtol": 1e-10})
    assert energy(np.asarray([w, b])) <= minimum.fun + 1e-9
    assert minimum.fun == pytest.approx(energy(np.asarray([w, b])), abs=1e-6)
    assert energy(np.asarray([w, b])) == pytest.approx(
        4 * (variance + e_lambda) / ((t - mean) ** 2 + 2 * variance + 2 * e_lambda), rel=1e-9
    )


@given(map_values, st.sampled_from([1e-3, 0.1, 1.0]))
def test_gate_is_sigmoid_of_inverse_energy(values: list[float], e_lambda: float) -> None:
    """Equation 5 of the paper: with the statistics of the whole map, 1/e* = u and y = x · sigmoid(1/e*)."""
    x = np.asarray(values)
    mean, variance = x.mean(), x.var(ddof=1)
    energy = 4 * (variance + e_lambda) / ((x - mean) ** 2 + 2 * variance + 2 * e_lambda)
    expected = x / (1 + np.exp(-1 / energy))
    y = simam(torch.tensor(values, dtype=torch.float64).reshape(1, 1, 1, -1), e_lambda)
    np.testing.assert_allclose(y.flatten().numpy(), expected, rtol=1e-9)


@given(st.integers(0, 2**32 - 1), st.floats(-100, 100), st.sampled_from([1e-4, 0.1]))
def test_gate_is_between_sigmoid_half_and_one(seed: int, shift: float, e_lambda: float) -> None:
    x = torch.randn(1, 2, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) + shift
    gate = simam(x, e_lambda) / x
    assert (gate >= MIN_GATE - 1e-9).all() and (gate < 1).all()


@given(st.integers(0, 2**32 - 1), st.permutations(range(12)))
def test_permutation_of_positions(seed: int, order: list[int]) -> None:
    x = torch.randn(1, 1, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    shuffled = simam(x.flatten()[order].reshape(1, 1, 3, 4), 0.1).flatten()
    torch.testing.assert_close(shuffled, simam(x, 0.1).flatten()[order])


def test_maps_are_independent() -> None:
    x = torch.randn(3, 4, 5, 5)
    whole = simam(x)
    for n, c in np.ndindex(3, 4):
        torch.testing.assert_close(whole[n : n + 1, c : c + 1], simam(x[n : n + 1, c : c + 1]))
