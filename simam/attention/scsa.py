"""SCSA: Si, Xu, Zhu, Zhang, Dong, Chen, Li, *SCSA: Spatial and Channel Synergistic Attention*, 2024 (arXiv 2407.05128).

Configured as in the authors' code. Deviations:

- The pooling window is as large as the map if the map is smaller than 7×7, which the authors' code rejects.
- They insert the module behind the block's spatial convolution, its batch norm and its activation; the placement
  `spatial` is before the batch norm.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from simam.attention.layers import GroupNorm
from simam.attention.validation import check_multiple, check_positive

KERNEL_SIZES = (3, 5, 7, 9)
"""Kernel size of each of the four groups of channels."""


class SCSA(nn.Module):
    """Gates per row and column at four scales, then self-attention between channels: (N, C, H, W) → (N, C, H, W).

    Args:
        channels: number of input channels, C; a multiple of 4 and of ``heads``.
        heads: number of heads of the self-attention. Default: 1, as in the authors' ImageNet runs.
        window: side of the windows that are averaged before the self-attention. Default: 7.

    Raises:
        ValueError: C is no multiple of 4 or of ``heads``, or ``heads`` or ``window`` is below 1.
    """

    def __init__(self, channels: int, heads: int = 1, window: int = 7) -> None:
        super().__init__()
        check_positive("heads", heads)
        check_positive("window", window)
        check_multiple(channels, len(KERNEL_SIZES))
        check_multiple(channels, heads)
        self.heads, self.window = heads, window
        width = channels // len(KERNEL_SIZES)
        self.convs = nn.ModuleList(
            nn.Conv1d(width, width, size, padding=size // 2, groups=width) for size in KERNEL_SIZES
        )
        self.row_norm, self.column_norm = (GroupNorm(len(KERNEL_SIZES), channels) for _ in range(2))
        self.norm = GroupNorm(1, channels)
        self.query, self.key, self.value = (
            nn.Conv2d(channels, channels, 1, groups=channels, bias=False) for _ in range(3)
        )

    def forward(self, x: Tensor) -> Tensor:
        rows = self.row_norm(self._multi_scale(x.mean(3))).sigmoid().to(x.dtype)
        columns = self.column_norm(self._multi_scale(x.mean(2))).sigmoid().to(x.dtype)
        x = x * rows[:, :, :, None] * columns[:, :, None]
        return x * self._channel_gate(x).to(x.dtype)

    def _multi_scale(self, lines: Tensor) -> Tensor:
        """A depthwise convolution of its own size for each quarter of the channels: (N, C, L) → (N, C, L)."""
        quarters = lines.chunk(len(KERNEL_SIZES), dim=1)
        return torch.cat([conv(quarter) for conv, quarter in zip(self.convs, quarters, strict=True)], dim=1)

    def _channel_gate(self, x: Tensor) -> Tensor:
        """Gate per channel: (N, C, H, W) → (N, C, 1, 1)."""
        pooled = self.norm(avg_pool2d(x, [min(self.window, side) for side in x.shape[2:]]))
        query, key, value = (
            project(pooled).flatten(2).unflatten(1, (self.heads, -1)) for project in (self.query, self.key, self.value)
        )
        weights = (query @ key.transpose(2, 3) * query.shape[2] ** -0.5).softmax(3)
        out: Tensor = (weights @ value).mean(3).flatten(1)[:, :, None, None].sigmoid()
        return out
