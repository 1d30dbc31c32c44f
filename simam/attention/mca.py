"""MCA: Yu, Zhang, Cheng, Song, Tang, *MCA: Multidimensional Collaborative Attention in Deep CNNs*, EAAI 2023.

Deviations from the authors' code:

- The three gates are averaged before they multiply the input. The result is the same up to rounding, without copies of
  the rotated map.
- The standard deviation of a single value is 0 and not NaN.
- The kernel size of the channel branch is at least 1. Their formula gives −1 for 2 and 3 channels.
"""

import math

import torch
from torch import Tensor, nn

from simam.attention.layers import spatial_std


class MCA(nn.Module):
    """Mean of three gates, one for each of the dimensions C, H and W: (N, C, H, W) → (N, C, H, W).

    Args:
        channels: number of input channels, C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.height = DimensionGate(3)
        self.width = DimensionGate(3)
        self.channel = DimensionGate(channel_kernel_size(channels))

    def forward(self, x: Tensor) -> Tensor:
        height = self.height(x.transpose(1, 2)).transpose(1, 2)
        width = self.width(x.transpose(1, 3)).transpose(1, 3)
        out: Tensor = x * ((self.channel(x) + height + width) / 3).to(x.dtype)
        return out


class DimensionGate(nn.Module):
    """Gate along the second dimension, from the mean and the standard deviation over the others.

    Input (N, L, A, B), output (N, L, 1, 1). A convolution over neighbours follows the pooling.
    """

    def __init__(self, kernel_size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(2))
        self.conv = nn.Conv1d(1, 1, kernel_size, padding=kernel_size // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        mean_weight, std_weight = self.weight.sigmoid() + 0.5
        pooled = mean_weight * x.mean((2, 3)) + std_weight * spatial_std(x)[:, :, 0, 0]
        gate: Tensor = self.conv(pooled[:, None]).sigmoid()
        return gate[:, 0, :, None, None]


def channel_kernel_size(channels: int) -> int:
    """Kernel size |log2(C) − 1| / 1.5, rounded and, if even, decreased by 1; at least 1.

    Source: the paper's formula with λ = 1.5 and γ = 1, rounded as in its authors' code.
    """
    rounded = round(abs((math.log2(channels) - 1) / 1.5))
    return max(1, rounded if rounded % 2 else rounded - 1)
