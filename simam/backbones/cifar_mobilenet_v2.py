"""MobileNetV2 for 32 px images: Sandler, Howard, Zhu, Zhmoginov, Chen, *MobileNetV2*, CVPR 2018.

Deviations from the paper, as in the SimAM authors' network: smaller strides, ReLU instead of ReLU6, an expansion
convolution at expansion ratio 1 as well, and a convolutional shortcut in blocks of stride 1 that change the number of
channels.
"""

from torch import Tensor, nn

from simam.backbones.cifar import conv1x1, conv3x3, initialise

INVERTED_RESIDUAL_SETTINGS = (
    (1, 16, 1, 1),
    (6, 24, 2, 1),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion ratio, output channels, number of blocks and stride of the first block, for each group of blocks."""

STEM_CHANNELS, HEAD_CHANNELS = 32, 1280
"""Number of channels of the first and of the last convolution."""


class CifarInvertedResidual(nn.Module):
    """1×1 expansion, depthwise 3×3 convolution with the stride, 1×1 projection, and a shortcut if the stride is 1."""

    def __init__(self, channels_in: int, channels: int, expansion: int, stride: int) -> None:
        super().__init__()
        hidden = channels_in * expansion
        self.conv1 = conv1x1(channels_in, hidden)
        self.bn1 = nn.BatchNorm2d(hidden)
        self.conv2 = conv3x3(hidden, hidden, stride, groups=hidden)
        self.bn2 = nn.BatchNorm2d(hidden)
        self.conv3 = conv1x1(hidden, channels)
        self.bn3 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut = _shortcut(channels_in, channels) if stride == 1 else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        out: Tensor = self.bn3(self.conv3(y))
        return out if self.shortcut is None else out + self.shortcut(x)


def _shortcut(channels_in: int, channels: int) -> nn.Module:
    if channels_in == channels:
        return nn.Identity()
    return nn.Sequential(conv1x1(channels_in, channels), nn.BatchNorm2d(channels))


class CifarMobileNetV2(nn.Module):
    """MobileNetV2 for small images: (N, in_channels, H, W) → (N, num_classes), with H and W multiples of 8.

    Args:
        num_classes: number of classes.
        in_channels: number of channels of the input images.
    """

    def __init__(self, num_classes: int = 10, in_channels: int = 3) -> None:
        super().__init__()
        self.conv1 = conv3x3(in_channels, STEM_CHANNELS)
        self.bn1 = nn.BatchNorm2d(STEM_CHANNELS)
        self.layers = nn.Sequential()
        width = STEM_CHANNELS
        for expansion, channels, blocks, stride in INVERTED_RESIDUAL_SETTINGS:
            for index in range(blocks):
                self.layers.append(CifarInvertedResidual(width, channels, expansion, stride if index == 0 else 1))
                width = channels
        self.conv2 = conv1x1(width, HEAD_CHANNELS)
        self.bn2 = nn.BatchNorm2d(HEAD_CHANNELS)
        self.relu = nn.ReLU(inplace=True)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(HEAD_CHANNELS, num_classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layers(self.relu(self.bn1(self.conv1(x))))
        x = self.relu(self.bn2(self.conv2(x)))
        out: Tensor = self.fc(self.avgpool(x).flatten(1))
        return out
