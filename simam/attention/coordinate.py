"""Coordinate attention: Hou, Zhou, Feng, *Coordinate Attention for Efficient Mobile Network Design*, CVPR 2021.

Deviation from the authors' code: they insert the module behind the depthwise convolution, its batch norm and its
activation; the placement `spatial` is before the batch norm.
"""

import torch
from torch import Tensor, nn

from simam.attention.validation import reduced_channels_at_least

MINIMUM = 8
"""Smallest hidden width."""


class CoordinateAttention(nn.Module):
    """Gates per row and per column, from a shared bottleneck over both: (N, C, H, W) → (N, C, H, W).

    Args:
        channels: number of input channels, C.
        reduction: ratio of C to the hidden width, which is at least 8. Default: 32.

    Raises:
        ValueError: ``reduction`` is below 1.
    """

    def __init__(self, channels: int, reduction: int = 32) -> None:
        super().__init__()
        hidden = reduced_channels_at_least(MINIMUM, channels, reduction)
        self.reduce = nn.Sequential(nn.Conv2d(channels, hidden, 1), nn.BatchNorm2d(hidden), nn.Hardswish(inplace=True))
        self.rows = nn.Conv2d(hidden, channels, 1)
        self.columns = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        pooled = torch.cat((x.mean(3, keepdim=True), x.mean(2, keepdim=True).transpose(2, 3)), dim=2)
        rows, columns = self.reduce(pooled).split((height, width), dim=2)
        out: Tensor = x * self.columns(columns.transpose(2, 3)).sigmoid() * self.rows(rows).sigmoid()
        return out
