"""SimAM as a function. It runs the fused operator where that is supported, and the formula elsewhere."""

from typing import Literal, TypeAlias, get_args

from torch import Tensor

from simam.formula import formula
from simam.kernels import SUPPORTED_DTYPES, fused, use_fused

Implementation: TypeAlias = Literal["auto", "eager"]
"""``"auto"``: the fused operator wherever it is supported; ``"eager"``: the formula as separate torch operators."""


def simam(x: Tensor, e_lambda: float = 1e-4, implementation: Implementation = "auto") -> Tensor:
    """Weight every neuron of ``x`` by its distance from the mean of its channel map.

    For one map of M = H·W positions with mean μ, d = x − μ and v = Σd²/(M − 1):
    ``y = x · sigmoid(d² / (4 (v + λ)) + 1/2)``.

    Args:
        x: feature maps of shape (N, C, H, W), in float16, bfloat16, float32 or float64 and any memory layout.
        e_lambda: regulariser λ ≥ 0 of the energy, in squared units of ``x``. Default: 1e-4.
        implementation: ``"auto"`` or ``"eager"``. Both give the same result up to rounding. The rounding error of the
            formula grows with the ratio of a map's mean to its standard deviation; the fused operator corrects the
            rounding error of the mean. Default: ``"auto"``.

    Returns:
        A tensor with the shape, dtype and memory layout of ``x``. Half types are computed in float32, because Σd²
        overflows float16 at ordinary activations. The gate of a 1×1 map is sigmoid(1/2), and so is that of a constant
        map.

    Raises:
        ValueError: ``x`` is not a 4-d floating-point tensor, ``e_lambda`` is negative, or ``implementation`` is
            unknown.

    Source: Yang, Zhang, Li, Xie, *SimAM: A Simple, Parameter-Free Attention Module for Convolutional Neural
    Networks*, ICML 2021, equation 5 and the listing in section 3.3.
    """
    if x.dim() != 4:
        raise ValueError(
            f"simam needs a tensor of shape (N, C, H, W), not one of {x.dim()} dimensions: {tuple(x.shape)}"
        )
    if x.dtype not in SUPPORTED_DTYPES:
        raise ValueError(f"simam needs a tensor of dtype {', '.join(map(str, SUPPORTED_DTYPES))}; not {x.dtype}")
    check_lambda(e_lambda)
    if implementation != "auto":
        check_implementation(implementation)
    return fused(x, e_lambda) if implementation == "auto" and use_fused(x) else formula(x, e_lambda)


def check_lambda(e_lambda: float) -> None:
    """Check that λ is a number of 0 or more.

    Raises:
        ValueError: ``e_lambda`` is not a number, is negative or is NaN.
    """
    if not isinstance(e_lambda, int | float) or not e_lambda >= 0:
        raise ValueError(f"e_lambda must be 0 or more, not {e_lambda!r}")


def check_implementation(implementation: str) -> None:
    """Check the name of an implementation.

    Raises:
        ValueError: ``implementation`` is neither ``"auto"`` nor ``"eager"``.
    """
    if implementation not in get_args(Implementation):
        raise ValueError(f"implementation must be one of {', '.join(get_args(Implementation))}; not {implementation!r}")
