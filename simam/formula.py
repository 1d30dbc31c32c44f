"""Reference implementation of SimAM with ordinary torch operators.

The fused operator is tested against it, and it runs wherever the fused operator is not supported.
"""

import torch
from torch import Tensor

_HALF_DTYPES = (torch.float16, torch.bfloat16)


def formula(x: Tensor, e_lambda: float) -> Tensor:
    """SimAM computed by its formula, with one torch operator per step.

    For one map of M = H·W positions with mean μ, d = x − μ and v = Σd²/(M − 1): y = x · sigmoid(d²/(4(v + λ)) + ½).

    Args:
        x: feature maps of shape (N, C, H, W), in any floating-point dtype and memory layout. Half types are computed in
            float32.
        e_lambda: regulariser λ ≥ 0.

    Returns:
        A tensor with the shape, dtype and memory layout of ``x``.

    Source: Yang, Zhang, Li, Xie, *SimAM*, ICML 2021, equation 5 and the listing in section 3.3.
    """
    values = x.float() if x.dtype in _HALF_DTYPES else x
    positions = x.shape[2] * x.shape[3]
    mean = values.mean((2, 3), keepdim=True)
    squares = (values - mean).square()
    variance = squares.sum((2, 3), keepdim=True) / max(positions - 1, 1)
    gate = torch.sigmoid(squares * _quarter_inverse(variance, mean, e_lambda) + 0.5)
    return (values * gate).to(x.dtype)


def _quarter_inverse(variance: Tensor, mean: Tensor, e_lambda: float) -> Tensor:
    """1 / (4 (v + λ)) per map.

    The result is 0 if λ is negligible and v is 0 or no larger than the rounding error of the mean.
    """
    precision = torch.finfo(variance.dtype)
    denominator = variance + e_lambda
    # The gradient divides by the square of the denominator, which must not underflow to 0.
    smallest = precision.tiny**0.5
    if e_lambda >= smallest:
        return 0.25 / denominator
    # Without λ, a constant map gives 0/0, or a ratio of two rounding errors with an exploding gradient.
    constant = denominator <= (4 * precision.eps * mean).square().clamp_min(smallest)
    return torch.where(constant, 0.0, 0.25 / torch.where(constant, 1.0, denominator))
