"""SimAM: Yang, Zhang, Li, Xie, *SimAM: A Simple, Parameter-Free Attention Module*, ICML 2021.

Deviations from the authors' code: one fused operator where there is one; statistics in float32 for half types, no NaN
on 1×1 maps, and no 0/0 on flat maps when λ vanishes (see :func:`simam.functional.simam`).
"""

from torch import Tensor, nn

from simam.functional import Implementation, check_implementation, check_lambda, simam


class SimAM(nn.Module):
    """Parameter-free attention: (N, C, H, W) → (N, C, H, W), no parameters, no buffers.

    Args:
        channels: accepted so that all attention modules share one signature; SimAM does not need it.
        e_lambda: λ ≥ 0. The authors' default is 1e-4; their ImageNet and COCO commands use 0.1.
        implementation: "auto", the fused operator wherever it can run, or "eager", the formula operator by operator.

    Raises:
        ValueError: λ is negative, or there is no such implementation.
    """

    def __init__(
        self, channels: int | None = None, e_lambda: float = 1e-4, implementation: Implementation = "auto"
    ) -> None:
        super().__init__()
        check_lambda(e_lambda)
        check_implementation(implementation)
        self.e_lambda = e_lambda
        self.implementation: Implementation = implementation

    def forward(self, x: Tensor) -> Tensor:
        return simam(x, self.e_lambda, self.implementation)

    def extra_repr(self) -> str:
        return f"e_lambda={self.e_lambda}" + ("" if self.implementation == "auto" else ", implementation='eager'")
