"""ELA: Xu, Wan, *ELA: Efficient Local Attention for Deep Convolutional Neural Networks*, arXiv 2024.

The authors publish no code. As in the implementations in use, rows and columns share the convolution and the norm.

Deviation from the paper: a number of channels that the numbers of groups do not divide has fewer groups, the greatest
common divisor.
"""

from typing import Literal, TypeAlias, get_args

from torch import Tensor, nn

from simam.attention.layers import GroupNorm
from simam.attention.validation import check_choice, common_groups

Variant: TypeAlias = Literal["T", "B", "S", "L"]
_VARIANTS = {"T": (5, 1, 32), "B": (7, 1, 16), "S": (5, 8, 16), "L": (7, 8, 16)}
"""Variant → kernel size, channels of a group of the convolution, groups of the norm."""


class ELA(nn.Module):
    """Gates per row and per column, by convolutions along the pooled rows and columns: (N, C, H, W) → (N, C, H, W).

    Args:
        channels: number of input channels, C.
        variant: ``"T"``, ``"B"``, ``"S"`` or ``"L"``, the paper's ELA-T to ELA-L. T and S have kernel size 5, B and L
            7; the convolution of T and B is depthwise, that of S and L has groups of 8 channels. Default: ``"B"``.

    Raises:
        ValueError: ``variant`` is unknown.
    """

    def __init__(self, channels: int, variant: Variant = "B") -> None:
        super().__init__()
        check_choice("variant", variant, get_args(Variant))
        kernel_size, group_width, norm_groups = _VARIANTS[variant]
        groups = channels // common_groups(channels, group_width)
        self.conv = nn.Conv1d(channels, channels, kernel_size, padding=kernel_size // 2, groups=groups, bias=False)
        self.norm = GroupNorm(common_groups(channels, norm_groups), channels)

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = (self.norm(self.conv(x.mean(dim))).sigmoid() for dim in (3, 2))
        out: Tensor = x * rows[:, :, :, None].to(x.dtype) * columns[:, :, None].to(x.dtype)
        return out
