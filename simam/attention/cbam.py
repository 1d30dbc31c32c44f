"""CBAM: Woo, Park, Lee, Kweon, *CBAM: Convolutional Block Attention Module*, ECCV 2018.

As the authors of SimAM configure it; deviations from the paper: none that they report.
"""

import torch
from torch import Tensor, nn

from simam.attention.options import odd_kernel, reduced


class CBAM(nn.Module):
    """Weight channels, then positions: (N, C, H, W) → (N, C, H, W).

    Args:
        channels: C.
        reduction: C is divided by this inside the channel gate; 1 to C.
        kernel_size: of the spatial gate's convolution; odd.

    Raises:
        ValueError: an option is out of its range.
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
    """One gate a channel, from its average and its maximum through a shared perceptron: → (N, C, 1, 1)."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        hidden = reduced(channels, reduction)
        self.mlp = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, channels))

    def forward(self, x: Tensor) -> Tensor:
        score: Tensor = self.mlp(x.mean((2, 3))) + self.mlp(x.amax((2, 3)))
        return torch.sigmoid(score)[:, :, None, None]


class SpatialGate(nn.Module):
    """One gate a position, from the maximum and the mean over channels: → (N, 1, H, W)."""

    def __init__(self, kernel_size: int) -> None:
        super().__init__()
        padding = odd_kernel("kernel_size", kernel_size) // 2
        self.conv = nn.Conv2d(2, 1, kernel_size, padding=padding, bias=False)
        self.bn = nn.BatchNorm2d(1, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        summary = torch.cat((x.amax(1, keepdim=True), x.mean(1, keepdim=True)), dim=1)
        return torch.sigmoid(self.bn(self.conv(summary)))
