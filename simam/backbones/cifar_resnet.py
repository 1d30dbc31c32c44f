"""ResNet for 32 px images: He, Zhang, Ren, Sun, *Deep Residual Learning for Image Recognition*, CVPR 2016, section 4.2.

Deviation from the paper, as in the SimAM authors' networks: if a block changes the shape, its shortcut is a 1×1
convolution followed by batch norm.
"""

from torch import Tensor, nn

from simam.backbones.cifar import STAGES, STEM_CHANNELS, blocks_per_stage, build_stages, conv1x1, conv3x3, initialise


class BasicBlock(nn.Module):
    """Two 3×3 convolutions, each followed by batch norm, and a shortcut."""

    expansion = 1

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(channels_in, channels, stride)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = conv3x3(channels, channels)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(channels_in, channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        out: Tensor = self.relu(y + self.downsample(x))
        return out


class Bottleneck(nn.Module):
    """1×1, strided 3×3, and 1×1 convolution to four times the channels, each followed by batch norm, and a shortcut."""

    expansion = 4

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = conv1x1(channels_in, channels)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = conv3x3(channels, channels, stride)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = conv1x1(channels, channels * self.expansion)
        self.bn3 = nn.BatchNorm2d(channels * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(channels_in, channels * self.expansion, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        out: Tensor = self.relu(y + self.downsample(x))
        return out


def _shortcut(channels_in: int, channels_out: int, stride: int) -> nn.Module:
    """Identity, or a 1×1 convolution with batch norm if the block changes the shape."""
    if stride == 1 and channels_in == channels_out:
        return nn.Identity()
    return nn.Sequential(conv1x1(channels_in, channels_out, stride), nn.BatchNorm2d(channels_out))


class CifarResNet(nn.Module):
    """ResNet for small images: (N, in_channels, H, W) → (N, num_classes), with H and W multiples of 4.

    Args:
        depth: number of layers with weights, 6n + 2 with basic blocks or 9n + 2 with bottlenecks.
        bottleneck: whether to use bottlenecks instead of basic blocks.
        num_classes: number of classes.
        in_channels: number of channels of the input images.

    Raises:
        ValueError: the depth is not 6n + 2 (basic blocks) or 9n + 2 (bottlenecks).
    """

    def __init__(self, depth: int, bottleneck: bool = False, num_classes: int = 10, in_channels: int = 3) -> None:
        super().__init__()
        block = Bottleneck if bottleneck else BasicBlock
        stages = build_stages(block, blocks_per_stage(depth, bottleneck), block.expansion)
        self.conv1 = conv3x3(in_channels, STEM_CHANNELS)
        self.bn1 = nn.BatchNorm2d(STEM_CHANNELS)
        self.relu = nn.ReLU(inplace=True)
        self.layer1, self.layer2, self.layer3 = stages
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(STAGES[-1][0] * block.expansion, num_classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        out: Tensor = self.fc(self.avgpool(x).flatten(1))
        return out
