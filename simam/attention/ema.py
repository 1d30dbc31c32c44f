"""EMA: Ouyang et al., *Efficient Multi-Scale Attention Module with Cross-Spatial Learning*, ICASSP 2023.

Deviation from the authors' code: a number of channels that 32 does not divide has fewer groups, their greatest common
divisor. The authors publish the module without a network; `branch_end` is the placement at which the number of
parameters grows as they report.
"""

import torch
from torch import Tensor, nn

from simam.attention.layers import GroupNorm
from simam.attention.validation import common_groups


class EMA(nn.Module):
    """Gates per position for each group of channels, from two branches that weight each other.

    Input and output: (N, C, H, W). One branch is coordinate attention, the other a 3×3 convolution. The pooled channels
    of each branch, after a softmax, weight the channels of the other.

    Args:
        channels: number of input channels, C.
        groups: number of groups of channels, which share all weights; if it does not divide C, their greatest common
            divisor is used. Default: 32.

    Raises:
        ValueError: ``groups`` is below 1.
    """

    def __init__(self, channels: int, groups: int = 32) -> None:
        super().__init__()
        self.groups = common_groups(channels, groups)
        width = channels // self.groups
        self.norm = GroupNorm(width, width)
        self.mix = nn.Conv2d(width, width, 1)
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        grouped = torch.unflatten(x, 1, (self.groups, -1))
        folded = grouped.flatten(0, 1)
        pointwise, local = self._coordinate_branch(folded), self.conv(folded)
        logits: Tensor = _channel_weights(pointwise) @ local.flatten(2) + _channel_weights(local) @ pointwise.flatten(2)
        gate = logits.sigmoid().view(x.shape[0], self.groups, 1, *x.shape[2:])
        out: Tensor = (grouped * gate.to(x.dtype)).flatten(1, 2)
        return out

    def _coordinate_branch(self, x: Tensor) -> Tensor:
        pooled = torch.cat((x.mean(3, keepdim=True), x.mean(2, keepdim=True).transpose(2, 3)), dim=2)
        rows, columns = self.mix(pooled).sigmoid().split(x.shape[2:], dim=2)
        out: Tensor = self.norm(x * rows * columns.transpose(2, 3))
        return out

    def extra_repr(self) -> str:
        return f"groups={self.groups}"


def _channel_weights(x: Tensor) -> Tensor:
    """Softmax over the mean of each channel: (N, C, H, W) → (N, 1, C)."""
    return x.mean((2, 3)).softmax(1)[:, None]
