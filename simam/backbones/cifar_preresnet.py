"""PreResNet for 32 px images: He, Zhang, Ren, Sun, *Identity Mappings in Deep Residual Networks*, ECCV 2016.

Deviations from the paper, as in the SimAM authors' networks: if a block changes the shape, its shortcut is a 1×1
convolution of the block's unnormalised input, without a norm.
"""

from torch import Tensor, nn

from simam.backbones.cifar import PreActivationNetwork, blocks_per_stage, build_stages, conv1x1, conv3x3


class PreActBasicBlock(nn.Module):
    """Two 3×3 convolutions, each after batch norm and ReLU, and a shortcut."""

    expansion = 1

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels_in)
        self.conv1 = conv3x3(channels_in, channels, stride)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = conv3x3(channels, channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(channels_in, channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(self.relu(self.bn1(x)))
        y = self.conv2(self.relu(self.bn2(y)))
        out: Tensor = y + self.downsample(x)
        return out


class PreActBottleneck(nn.Module):
    """1×1, strided 3×3, and 1×1 convolution to four times the channels, each after batch norm and ReLU; a shortcut."""

    expansion = 4

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels_in)
        self.conv1 = conv1x1(channels_in, channels)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = conv3x3(channels, channels, stride)
        self.bn3 = nn.BatchNorm2d(channels)
        self.conv3 = conv1x1(channels, channels * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(channels_in, channels * self.expansion, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(self.relu(self.bn1(x)))
        y = self.conv2(self.relu(self.bn2(y)))
        y = self.conv3(self.relu(self.bn3(y)))
        out: Tensor = y + self.downsample(x)
        return out


def _shortcut(channels_in: int, channels_out: int, stride: int) -> nn.Module:
    """Identity, or a 1×1 convolution if the block changes the shape."""
    if stride == 1 and channels_in == channels_out:
        return nn.Identity()
    return conv1x1(channels_in, channels_out, stride)


class CifarPreResNet(PreActivationNetwork):
    """Pre-activation ResNet for small images: (N, in_channels, H, W) → (N, num_classes), H and W multiples of 4.

    Args:
        depth: number of layers with weights, 6n + 2 with basic blocks or 9n + 2 with bottlenecks.
        bottleneck: whether to use bottlenecks instead of basic blocks.
        num_classes: number of classes.
        in_channels: number of channels of the input images.

    Raises:
        ValueError: the depth is not 6n + 2 (basic blocks) or 9n + 2 (bottlenecks).
    """

    def __init__(self, depth: int, bottleneck: bool = False, num_classes: int = 10, in_channels: int = 3) -> None:
        block = PreActBottleneck if bottleneck else PreActBasicBlock
        stages = build_stages(block, blocks_per_stage(depth, bottleneck), block.expansion)
        super().__init__(stages, block.expansion, num_classes, in_channels)
