"""ECA: Wang, Wu, Zhu, Li, Zuo, Hu, *ECA-Net: Efficient Channel Attention*, CVPR 2020. Deviations: none."""

import math

from torch import Tensor, nn

from simam.attention.validation import check_kernel_size


class ECA(nn.Module):
    """Channel attention by a 1-d convolution over neighbouring channels: (N, C, H, W) → (N, C, H, W).

    Args:
        channels: number of input channels, C.
        kernel_size: number of neighbouring channels that determine one gate; odd. Default: None, which selects
            :func:`adaptive_kernel_size` of C.

    Raises:
        ValueError: ``kernel_size`` is even or below 1.
    """

    def __init__(self, channels: int, kernel_size: int | None = None) -> None:
        super().__init__()
        if kernel_size is None:
            kernel_size = adaptive_kernel_size(channels)
        check_kernel_size(kernel_size)
        self.conv = nn.Conv1d(1, 1, kernel_size, padding=kernel_size // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate: Tensor = self.conv(x.mean((2, 3))[:, None, :]).sigmoid()
        return x * gate[:, 0, :, None, None]


def adaptive_kernel_size(channels: int) -> int:
    """Kernel size |log2(C)/2 + 1/2|, truncated to an integer and, if even, increased by 1.

    Source: equation 12 of the paper with γ = 2 and b = 1, rounded as in its authors' code.
    """
    truncated = int(abs((math.log2(channels) + 1) / 2))
    return truncated if truncated % 2 else truncated + 1
