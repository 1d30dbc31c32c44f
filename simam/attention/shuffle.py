"""Shuffle attention (SA): Zhang, Yang, *SA-Net: Shuffle Attention for Deep Convolutional Neural Networks*, ICASSP 2021.

Deviations from the authors' code:

- Fewer groups for a number of channels that 2 · 64 does not divide: the greatest common divisor of 64 and C / 2. The
  authors use the module with 256 channels and more, where the number is theirs.
- The gates of both halves are joined before they multiply the input. The result is the same.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import channel_shuffle

from simam.attention.layers import GroupNorm
from simam.attention.validation import check_multiple, common_groups


class ShuffleAttention(nn.Module):
    """Channel gates for one half of each group and gates per position for the other: (N, C, H, W) → (N, C, H, W).

    The channels of the halves are interleaved at the end.

    Args:
        channels: number of input channels, C; even.
        groups: number of groups of channels; if it does not divide C / 2, their greatest common divisor is used.
            Default: 64.

    Raises:
        ValueError: C is odd, or ``groups`` is below 1.
    """

    def __init__(self, channels: int, groups: int = 64) -> None:
        super().__init__()
        check_multiple(channels, 2)
        self.groups = common_groups(channels // 2, groups)
        width = channels // 2 // self.groups
        self.channel_weight = nn.Parameter(torch.zeros(width, 1, 1))
        self.channel_bias = nn.Parameter(torch.ones(width, 1, 1))
        self.spatial_weight = nn.Parameter(torch.zeros(width, 1, 1))
        self.spatial_bias = nn.Parameter(torch.ones(width, 1, 1))
        self.norm = GroupNorm(width, width)

    def forward(self, x: Tensor) -> Tensor:
        grouped = torch.unflatten(x, 1, (self.groups, 2, -1))
        first, second = grouped.unbind(2)
        channel = self.channel_weight * first.mean((3, 4), keepdim=True) + self.channel_bias
        normalised = self.norm(second.flatten(0, 1)).view(second.shape)
        spatial = self.spatial_weight * normalised + self.spatial_bias
        gate = torch.stack((channel.sigmoid().expand_as(spatial), spatial.sigmoid()), dim=2).flatten(1, 3)
        return channel_shuffle(x * gate.to(x.dtype), 2)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"
