"""ECA: Wang, Wu, Zhu, Li, Zuo, Hu, *ECA-Net: Efficient Channel Attention*, CVPR 2020. Deviations: none."""

import math

from torch import Tensor, nn

from simam.attention.options import odd_kernel


class ECA(nn.Module):
    """Weight channels by their neighbours among the channels: (N, C, H, W) → (N, C, H, W).

    Args:
        channels: C.
        kernel_size: how many neighbouring channels one gate looks at; odd. Left out: grows with log C,
            equation 12 of the paper with γ = 2 and b = 1.

    Raises:
        ValueError: the kernel size is even or below 1.
    """

    def __init__(self, channels: int, kernel_size: int | None = None) -> None:
        super().__init__()
        size = adaptive_kernel_size(channels) if kernel_size is None else odd_kernel("kernel_size", kernel_size)
        self.conv = nn.Conv1d(1, 1, size, padding=size // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate: Tensor = self.conv(x.mean((2, 3))[:, None, :]).sigmoid()
        return x * gate[:, 0, :, None, None]


def adaptive_kernel_size(channels: int) -> int:
    """|log2(C)/2 + 1/2|, cut to an integer and made odd upwards."""
    size = int(abs((math.log2(channels) + 1) / 2))
    return size if size % 2 else size + 1
