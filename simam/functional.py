"""SimAM as a function: the formula of the paper, made safe for every map and every float type."""

import torch
from torch import Tensor

_HALF = (torch.float16, torch.bfloat16)


def simam(x: Tensor, e_lambda: float = 1e-4) -> Tensor:
    """Weight every neuron of ``x`` by how much it stands out from its own channel map.

    For one map of M = H·W positions with mean μ, d = x − μ and v = Σd²/(M − 1):
    ``y = x · sigmoid(d² / (4 (v + λ)) + 1/2)``.

    Args:
        x: feature maps, shape (N, C, H, W), any float type and memory layout.
        e_lambda: λ ≥ 0, the regulariser of the energy, in squared units of ``x``.

    Returns:
        A tensor of the shape, type and layout of ``x``. Half types are computed in float32, because Σd²
        overflows float16 at ordinary activations. A 1×1 map and a map without spread stand out nowhere:
        their gate is sigmoid(1/2).

    Raises:
        ValueError: ``x`` is not a 4-d float tensor, or λ is negative.

    Source: Yang, Zhang, Li, Xie, *SimAM: A Simple, Parameter-Free Attention Module for Convolutional Neural
    Networks*, ICML 2021, equation 5 and the listing in section 3.3.
    """
    if x.dim() != 4:
        raise ValueError(
            f"simam needs a tensor of shape (N, C, H, W), not one of {x.dim()} dimensions: {tuple(x.shape)}"
        )
    if not x.is_floating_point():
        raise ValueError(f"simam needs a float tensor, not {x.dtype}")
    check_lambda(e_lambda)
    exact = x.float() if x.dtype in _HALF else x
    positions = x.shape[2] * x.shape[3]
    mean = exact.mean((2, 3), keepdim=True)
    squared = (exact - mean).square()
    variance = squared.sum((2, 3), keepdim=True) / max(positions - 1, 1)
    gate = torch.sigmoid(squared * _quarter_inverse(variance, mean, e_lambda) + 0.5)
    return (exact * gate).to(x.dtype)


def check_lambda(e_lambda: float) -> None:
    """Raise a ValueError that names the option unless λ ≥ 0."""
    if not isinstance(e_lambda, int | float) or not e_lambda >= 0:
        raise ValueError(f"e_lambda must be 0 or more, not {e_lambda!r}")


def _quarter_inverse(variance: Tensor, mean: Tensor, e_lambda: float) -> Tensor:
    """1 / (4 (v + λ)) of each map; 0 where λ vanishes and the spread is nothing or the rounding error of the mean."""
    precision = torch.finfo(variance.dtype)
    spread = variance + e_lambda
    least = precision.tiny**0.5  # its square, which the gradient divides by, can still be told from 0
    if e_lambda >= least:
        return 0.25 / spread
    # Without λ a flat map is 0/0, or a ratio of two rounding errors whose gradient explodes.
    flat = spread <= (4 * precision.eps * mean).square().clamp_min(least)
    return torch.where(flat, 0.0, 0.25 / torch.where(flat, 1.0, spread))
