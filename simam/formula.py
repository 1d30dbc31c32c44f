"""SimAM's formula as torch operators: the reference of the fused operator, and what runs where there is none."""

import torch
from torch import Tensor

HALF = (torch.float16, torch.bfloat16)


def formula(x: Tensor, e_lambda: float) -> Tensor:
    """For one map of M = H·W positions with mean μ, d = x − μ and v = Σd²/(M − 1): y = x · sigmoid(d²/(4(v + λ)) + ½).

    Args:
        x: feature maps, shape (N, C, H, W), any float type and memory layout; half types are computed in float32.
        e_lambda: λ ≥ 0.

    Returns:
        A tensor of the shape, type and layout of ``x``.

    Source: Yang, Zhang, Li, Xie, *SimAM*, ICML 2021, equation 5 and the listing in section 3.3.
    """
    exact = x.float() if x.dtype in HALF else x
    positions = x.shape[2] * x.shape[3]
    mean = exact.mean((2, 3), keepdim=True)
    squared = (exact - mean).square()
    variance = squared.sum((2, 3), keepdim=True) / max(positions - 1, 1)
    gate = torch.sigmoid(squared * _quarter_inverse(variance, mean, e_lambda) + 0.5)
    return (exact * gate).to(x.dtype)


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
