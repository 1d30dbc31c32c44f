"""SimAM: Yang, Zhang, Li, Xie, *SimAM: A Simple, Parameter-Free Attention Module*, ICML 2021.

Deviations from the authors' code: statistics in float32 for half types, no NaN on 1×1 maps, and no 0/0 on flat
maps when λ vanishes (see :func:`simam.functional.simam`).
"""

from torch import Tensor, nn

from simam.functional import check_lambda, simam


class SimAM(nn.Module):
    """Parameter-free attention: (N, C, H, W) → (N, C, H, W), no parameters, no buffers.

    Args:
        channels: accepted so that all attention modules share one signature; SimAM does not need it.
        e_lambda: λ ≥ 0. The authors' default is 1e-4; their ImageNet and COCO commands use 0.1.

    Raises:
        ValueError: λ is negative.
    """

    def __init__(self, channels: int | None = None, e_lambda: float = 1e-4) -> None:
        super().__init__()
        check_lambda(e_lambda)
        self.e_lambda = e_lambda

    def forward(self, x: Tensor) -> Tensor:
        return simam(x, self.e_lambda)

    def extra_repr(self) -> str:
        return f"e_lambda={self.e_lambda}"
