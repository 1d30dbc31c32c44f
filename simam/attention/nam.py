"""NAM: Liu, Shao, Teng, Hoffmann, *NAM: Normalization-based Attention Module*, NeurIPS workshop 2021.

As in the authors' code: channel attention only (the paper also describes a spatial one, which the code does not have),
and no gradient passes through the normalised weights. Deviations: none.
"""

from torch import Tensor, nn


class NAM(nn.Module):
    """Gates from a batch norm whose weights, as shares of their sum, weight its output: (N, C, H, W) → (N, C, H, W).

    Args:
        channels: number of input channels, C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        magnitude = self.bn.weight.detach().abs()
        share = (magnitude / magnitude.sum())[:, None, None]
        gate: Tensor = (self.bn(x) * share).sigmoid()
        return x * gate.to(x.dtype)
