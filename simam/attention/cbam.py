"""CBAM: Woo, Park, Lee, Kweon, *CBAM: Convolutional Block Attention Module*, ECCV 2018.

Configured as in the SimAM authors' code, which reports no deviations from the paper.
"""

import torch
from torch import Tensor, nn

from simam.attention.validation import check_kernel_size, reduced_channels


class CBAM(nn.Module):
    """Channel attention followed by spatial attention: (N, C, H, W) → (N, C, H, W).

    Args:
        channels: number of input channels, C.
        reduction: ratio of C to the hidden width of the channel gate, from 1 to C. Default: 16.
        kernel_size: odd kernel size of the spatial gate's convolution. Default: 7.

    Raises:
        ValueError: ``reduction`` or ``kernel_size`` is out of range.
    """

    def __init__(self, channels: int, reduction: int = 16, kernel_size: int = 7) -> None:
        super().__init__()
        self.channel_gate = ChannelGate(channels, reduction)
        self.spatial_gate = SpatialGate(kernel_size)

    def forward(self, x: Tensor) -> Tensor:
        x = x * self.channel_gate(x)
        out: Tensor = x * self.spatial_gate(x)
        return out


class ChannelGate(nn.Module):
    """Gate per channel, from average and max pooling through a shared MLP: (N, C, H, W) → (N, C, 1, 1)."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        hidden = reduced_channels(channels, reduction)
        self.mlp = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, channels))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.mlp(x.mean((2, 3))) + self.mlp(x.amax((2, 3)))
        return torch.sigmoid(logits)[:, :, None, None]


class SpatialGate(nn.Module):
    """Gate per position, from the maximum and the mean over channels: (N, C, H, W) → (N, 1, H, W)."""

    def __init__(self, kernel_size: int) -> None:
        super().__init__()
        check_kernel_size(kernel_size)
        self.conv = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2, bias=False)
        self.bn = nn.BatchNorm2d(1, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        pooled = torch.cat((x.amax(1, keepdim=True), x.mean(1, keepdim=True)), dim=1)
        return torch.sigmoid(self.bn(self.conv(pooled)))
