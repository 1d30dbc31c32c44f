"""SK: Li, Wang, Hu, Yang, *Selective Kernel Networks*, CVPR 2019.

Two branches, a 3×3 convolution and a 3×3 convolution with dilation 2 in place of a 5×5 one, with G = 32, r = 16 and
L = 32, as in the authors' network definitions.

Deviations from the paper:

- The unit replaces a network's 3×3 convolution. Here it follows one, like the other modules, so it adds both branches.
- A number of channels that 32 does not divide has fewer groups: their greatest common divisor.
"""

from torch import Tensor, nn

from simam.attention.validation import check_positive, common_groups, reduced_channels_at_least


class SK(nn.Module):
    """Two convolutions of different size, mixed by a softmax per channel: (N, C, H, W) → (N, C, H, W).

    Batch norm of the bottleneck needs at least two images in training.

    Args:
        channels: number of input channels, C.
        reduction: ratio of C to the hidden width. Default: 16.
        groups: number of groups of the convolutions; if it does not divide C, their greatest common divisor is used.
            Default: 32.
        minimum: smallest hidden width, L in the paper. Default: 32.

    Raises:
        ValueError: ``reduction``, ``groups`` or ``minimum`` is below 1.
    """

    def __init__(self, channels: int, reduction: int = 16, groups: int = 32, minimum: int = 32) -> None:
        super().__init__()
        check_positive("minimum", minimum)
        hidden = reduced_channels_at_least(minimum, channels, reduction)
        common = common_groups(channels, groups)
        self.branches = nn.ModuleList(_branch(channels, common, dilation) for dilation in (1, 2))
        self.reduce = nn.Sequential(
            nn.Conv2d(channels, hidden, 1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU(inplace=True)
        )
        self.select = nn.Conv2d(hidden, 2 * channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        small, large = (branch(x) for branch in self.branches)
        logits: Tensor = self.select(self.reduce((small + large).mean((2, 3), keepdim=True)))
        gates = logits.view(-1, 2, x.shape[1], 1, 1).softmax(1).to(x.dtype)
        out: Tensor = small * gates[:, 0] + large * gates[:, 1]
        return out


def _branch(channels: int, groups: int, dilation: int) -> nn.Sequential:
    conv = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
