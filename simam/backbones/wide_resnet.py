"""Wide ResNet for 32 px images: Zagoruyko, Komodakis, *Wide Residual Networks*, BMVC 2016. Deviations: none."""

from torch import Tensor, nn

from simam.backbones.cifar import PreActivationNetwork, build_stages, conv1x1, conv3x3


class WideBlock(nn.Module):
    """Norm and ReLU before each of two 3×3 convolutions, dropout between them.

    Where the channels change, the first norm and ReLU serve the 1×1 shortcut too.
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
        active = self.relu(self.bn1(x))
        y = self.relu(self.bn2(self.conv1(active)))
        y = self.conv2(self.dropout(y))
        out: Tensor = y + (x if self.downsample is None else self.downsample(active))
        return out


class WideResNet(PreActivationNetwork):
    """(N, in_channels, H, W) → (N, num_classes), H and W multiples of 4.

    Args:
        depth: 6n + 4 layers with weights.
        width: how many times as wide as the CIFAR ResNet.
        num_classes: outputs.
        in_channels: of the images.
        dropout: probability between the convolutions of a block.

    Raises:
        ValueError: the depth fits no whole number of blocks.
    """

    def __init__(
        self, depth: int, width: int, num_classes: int = 10, in_channels: int = 3, dropout: float = 0.3
    ) -> None:
        blocks, rest = divmod(depth - 4, 6)
        if blocks < 1 or rest:
            raise ValueError(f"depth must be 6n + 4, not {depth}")
        stages = build_stages(
            lambda channels_in, channels, stride: WideBlock(channels_in, channels * width, stride, dropout),
            blocks,
            width,
        )
        super().__init__(stages, width, num_classes, in_channels)
