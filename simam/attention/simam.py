"""SimAM: Yang, Zhang, Li, Xie, *SimAM: A Simple, Parameter-Free Attention Module*, ICML 2021.

Deviations from the authors' code (see :func:`simam.functional.simam`):

- A fused operator replaces the eager formula on devices that have a kernel.
- Statistics of float16 and bfloat16 inputs are computed in float32.
- 1×1 maps do not give NaN.
- Constant maps do not give 0/0 when λ is 0 or negligible.
"""

from torch import Tensor, nn

from simam.functional import Implementation, check_implementation, check_lambda, simam


class SimAM(nn.Module):
    """Parameter-free attention over single neurons: (N, C, H, W) → (N, C, H, W). No parameters, no buffers.

    Args:
        channels: unused; accepted so that all attention modules share one signature.
        e_lambda: regulariser λ ≥ 0. Default: 1e-4, as in the authors' code; their ImageNet and COCO commands use 0.1.
        implementation: ``"auto"`` for the fused operator wherever it is supported, ``"eager"`` for the formula as
            separate torch operators. Default: ``"auto"``.

    Raises:
        ValueError: ``e_lambda`` is negative, or ``implementation`` is unknown.
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
