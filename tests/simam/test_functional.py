import math

import numpy as np
import pytest
import torch

from simam import SimAM, simam


def reference(x: np.ndarray, e_lambda: float) -> np.ndarray:
    """The paper's formula, map by map, in plain Python on float64."""
    y = np.empty_like(x)
    for n, c in np.ndindex(x.shape[:2]):
        values = [float(value) for value in x[n, c].ravel()]
        mean = math.fsum(values) / len(values)
        variance = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
        gates = [1 / (1 + math.exp(-((v - mean) ** 2 / (4 * (variance + e_lambda)) + 0.5))) for v in values]
        y[n, c] = np.reshape([value * gate for value, gate in zip(values, gates, strict=True)], x.shape[2:])
    return y


@pytest.mark.parametrize("e_lambda", [1e-6, 1e-4, 0.1, 10.0])
def test_matches_formula_of_paper(e_lambda: float) -> None:
    x = np.random.default_rng(0).normal(1.0, 2.0, (2, 3, 5, 7))
    np.testing.assert_allclose(simam(torch.from_numpy(x), e_lambda).numpy(), reference(x, e_lambda), rtol=1e-12)


def test_outlier_computed_by_hand() -> None:
    # M = 4, mean 1, d = (-1, -1, -1, 3), v = 12/3 = 4, λ = 0: u = 1/16 + 1/2 and 9/16 + 1/2
    x = torch.tensor([0.0, 0.0, 0.0, 4.0]).reshape(1, 1, 2, 2)
    assert simam(x, 0.0).flatten()[-1].item() == pytest.approx(4 / (1 + math.exp(-(9 / 16 + 1 / 2))), rel=1e-6)


def test_module_matches_function_and_has_no_state() -> None:
    module, x = SimAM(64, e_lambda=0.1), torch.randn(1, 2, 4, 4)
    assert torch.equal(module(x), simam(x, 0.1))
    assert list(module.state_dict()) == []


@pytest.mark.parametrize("shape", [(3,), (3, 4, 4), (1, 2, 3, 4, 5)])
def test_wrong_rank_error(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"shape \(N, C, H, W\)"):
        simam(torch.ones(shape))


def test_negative_lambda_error() -> None:
    with pytest.raises(ValueError, match="e_lambda must be 0 or more, not -1"):
        SimAM(e_lambda=-1)


@pytest.mark.parametrize("dtype", [torch.int64, torch.float8_e4m3fn, torch.complex64])
def test_unsupported_dtype_error(dtype: torch.dtype) -> None:
    with pytest.raises(ValueError, match=rf"torch.float16, torch.bfloat16; not {dtype}"):
        simam(torch.ones(1, 1, 2, 2).to(dtype))
