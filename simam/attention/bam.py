"""BAM: Park, Woo, Lee, Kweon, *BAM: Bottleneck Attention Module*, BMVC 2018.

The layers are those of the authors' code, which differs from the paper: the channel and the spatial branch are
multiplied before the sigmoid (the paper adds them), and each branch ends with a layer without batch norm.

Deviations from the authors' code:

- The authors insert one module after each of the first three stages of a network. Here a module follows each block's
  branch, as the other modules do.
- Maps need not be square.
"""

from torch import Tensor, nn

from simam.attention.validation import reduced_channels


class BAM(nn.Module):
    """Gate 1 + sigmoid(channel · spatial), where both branches are bottlenecks: (N, C, H, W) → (N, C, H, W).

    Batch norm of the channel branch needs at least two images in training.

    Args:
        channels: number of input channels, C.
        reduction: ratio of C to the hidden width of both branches, from 1 to C. Default: 16.

    Raises:
        ValueError: ``reduction`` is below 1 or above C.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = reduced_channels(channels, reduction)
        self.channel = nn.Sequential(
            nn.Linear(channels, hidden), nn.BatchNorm1d(hidden), nn.ReLU(inplace=True), nn.Linear(hidden, channels)
        )
        self.spatial = nn.Sequential(
            *_conv_bn_relu(nn.Conv2d(channels, hidden, 1)),
            *_conv_bn_relu(_dilated(hidden)),
            *_conv_bn_relu(_dilated(hidden)),
            nn.Conv2d(hidden, 1, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        channel: Tensor = self.channel(x.mean((2, 3)))[:, :, None, None]
        out: Tensor = x * (1 + (channel * self.spatial(x)).sigmoid())
        return out


def _conv_bn_relu(conv: nn.Conv2d) -> tuple[nn.Module, ...]:
    return conv, nn.BatchNorm2d(conv.out_channels), nn.ReLU(inplace=True)


def _dilated(channels: int) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, 3, padding=4, dilation=4)
