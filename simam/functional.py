"""SimAM as a function: the fused operator where there is one, the formula everywhere else."""

from typing import Literal, TypeAlias, get_args

from torch import Tensor

from simam.formula import formula
from simam.kernels import FLOATS, fused, fuses

Implementation: TypeAlias = Literal["auto", "eager"]
"""``auto``: the fused operator wherever it can run; ``eager``: the formula, operator by operator."""


def simam(x: Tensor, e_lambda: float = 1e-4, implementation: Implementation = "auto") -> Tensor:
    """Weight every neuron of ``x`` by how much it stands out from its own channel map.

    For one map of M = H·W positions with mean μ, d = x − μ and v = Σd²/(M − 1):
    ``y = x · sigmoid(d² / (4 (v + λ)) + 1/2)``.

    Args:
        x: feature maps, shape (N, C, H, W), float16, bfloat16, float32 or float64, any memory layout.
        e_lambda: λ ≥ 0, the regulariser of the energy, in squared units of ``x``.
        implementation: "auto" or "eager"; both give the same but for rounding, which in the formula grows with how far
            a map's mean is from 0, measured by its spread; the operator corrects the mean.

    Returns:
        A tensor of the shape, type and layout of ``x``. Half types are computed in float32, because Σd²
        overflows float16 at ordinary activations. A 1×1 map and a map without spread stand out nowhere:
        their gate is sigmoid(1/2).

    Raises:
        ValueError: ``x`` is not a 4-d float tensor, λ is negative, or there is no such implementation.

    Source: Yang, Zhang, Li, Xie, *SimAM: A Simple, Parameter-Free Attention Module for Convolutional Neural
    Networks*, ICML 2021, equation 5 and the listing in section 3.3.
    """
    if x.dim() != 4:
        raise ValueError(
            f"simam needs a tensor of shape (N, C, H, W), not one of {x.dim()} dimensions: {tuple(x.shape)}"
        )
    if x.dtype not in FLOATS:
        raise ValueError(f"simam needs a tensor of {', '.join(map(str, FLOATS))}; not of {x.dtype}")
    check_lambda(e_lambda)
    if implementation != "auto":
        check_implementation(implementation)
    return fused(x, e_lambda) if implementation == "auto" and fuses(x) else formula(x, e_lambda)


def check_lambda(e_lambda: float) -> None:
    """Raise a ValueError that names the option unless λ ≥ 0."""
    if not isinstance(e_lambda, int | float) or not e_lambda >= 0:
        raise ValueError(f"e_lambda must be 0 or more, not {e_lambda!r}")


def check_implementation(implementation: str) -> None:
    """Raise a ValueError that names the option unless there is such an implementation."""
    if implementation not in get_args(Implementation):
        raise ValueError(f"implementation is one of {', '.join(get_args(Implementation))}; not {implementation!r}")
