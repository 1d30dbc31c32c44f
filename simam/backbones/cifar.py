"""Layers, stages and initialisation that the networks for 32 px images share."""

from collections.abc import Callable

from torch import Tensor, nn

STEM_CHANNELS = 16
"""Number of channels of the first convolution."""

STAGES = ((16, 1), (32, 2), (64, 2))
"""Number of channels before the expansion, and stride of the first block, of each of the three stages."""


def conv3x3(channels_in: int, channels_out: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, groups=groups, bias=False)


def conv1x1(channels_in: int, channels_out: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, 1, stride, bias=False)


def blocks_per_stage(depth: int, bottleneck: bool) -> int:
    """Number of basic or bottleneck blocks in each of the three stages of a network.

    Raises:
        ValueError: the depth is not 6n + 2 (basic blocks) or 9n + 2 (bottlenecks).
    """
    layers = 9 if bottleneck else 6  # two or three convolutions in one block of each of three stages
    blocks, remainder = divmod(depth - 2, layers)
    if blocks < 1 or remainder:
        block_type = "bottleneck" if bottleneck else "basic"
        raise ValueError(f"depth must be {layers}n + 2 for {block_type} blocks, not {depth}")
    return blocks


def build_stages(
    block: Callable[[int, int, int], nn.Module], blocks: int, expansion: int
) -> tuple[nn.Sequential, nn.Sequential, nn.Sequential]:
    """Build the three stages of a network.

    Args:
        block: callable ``block(channels_in, channels, stride)`` that builds a block; the block has
            ``channels * expansion`` output channels.
        blocks: number of blocks per stage.
        expansion: ratio of a block's output channels to the number of channels in :data:`STAGES`.
    """
    width, stages = STEM_CHANNELS, (nn.Sequential(), nn.Sequential(), nn.Sequential())
    for stage, (channels, stride) in zip(stages, STAGES, strict=True):
        for index in range(blocks):
            stage.append(block(width, channels, stride if index == 0 else 1))
            width = channels * expansion
    return stages


class PreActivationNetwork(nn.Module):
    """Pre-activation network: (N, in_channels, H, W) → (N, num_classes).

    Consists of a convolution, three stages, batch norm, ReLU, average pooling and a linear layer.

    Args:
        stages: result of :func:`build_stages`.
        expansion: expansion with which the stages were built.
        num_classes: number of classes.
        in_channels: number of channels of the input images; H and W are multiples of 4.
    """

    def __init__(
        self,
        stages: tuple[nn.Sequential, nn.Sequential, nn.Sequential],
        expansion: int,
        num_classes: int,
        in_channels: int,
    ) -> None:
        super().__init__()
        width = STAGES[-1][0] * expansion
        self.conv1 = conv3x3(in_channels, STEM_CHANNELS)
        self.layer1, self.layer2, self.layer3 = stages
        self.bn = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(width, num_classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer3(self.layer2(self.layer1(self.conv1(x))))
        x = self.relu(self.bn(x))
        out: Tensor = self.fc(self.avgpool(x).flatten(1))
        return out


def initialise(network: nn.Module) -> None:
    """Initialise the convolutions of a network with He's rule over the fan-out (He et al., ICCV 2015).

    Other layers keep torch's initialisation.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
