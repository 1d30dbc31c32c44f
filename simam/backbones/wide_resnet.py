"""Wide ResNet for 32 px images: Zagoruyko, Komodakis, *Wide Residual Networks*, BMVC 2016. Deviations: none."""

from torch import Tensor, nn

from simam.backbones.cifar import PreActivationNetwork, build_stages, conv1x1, conv3x3


class WideBlock(nn.Module):
    """Two 3×3 convolutions, each after batch norm and ReLU, with dropout between them, and a shortcut.

    If the number of channels changes, the shortcut is a 1×1 convolution of the output of the first ReLU.
    """

    def __init__(self, channels_in: int, channels: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels_in)
        self.conv1 = conv3x3(channels_in, channels, stride)
        self.bn2 = nn.BatchNorm2d(channels)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = conv3x3(channels, channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None if channels_in == channels else conv1x1(channels_in, channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        activated = self.relu(self.bn1(x))
        y = self.relu(self.bn2(self.conv1(activated)))
        y = self.conv2(self.dropout(y))
        out: Tensor = y + (x if self.downsample is None else self.downsample(activated))
        return out


class WideResNet(PreActivationNetwork):
    """Wide ResNet for small images: (N, in_channels, H, W) → (N, num_classes), with H and W multiples of 4.

    Args:
        depth: number of layers with weights, 6n + 4.
        width: ratio of the number of channels to that of :class:`~simam.backbones.cifar_resnet.CifarResNet`.
        num_classes: number of classes.
        in_channels: number of channels of the input images.
        dropout: dropout probability between the convolutions of a block. Default: 0.3.

    Raises:
        ValueError: the depth is not 6n + 4.
    """

    def __init__(
        self, depth: int, width: int, num_classes: int = 10, in_channels: int = 3, dropout: float = 0.3
    ) -> None:
        blocks, remainder = divmod(depth - 4, 6)
        if blocks < 1 or remainder:
            raise ValueError(f"depth must be 6n + 4, not {depth}")
        stages = build_stages(
            lambda channels_in, channels, stride: WideBlock(channels_in, channels * width, stride, dropout),
            blocks,
            width,
        )
        super().__init__(stages, width, num_classes, in_channels)
