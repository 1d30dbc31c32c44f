"""What the CIFAR networks share."""

from collections.abc import Callable

from torch import Tensor, nn

STEM = 16
"""Channels of the first convolution."""

STAGES = ((16, 1), (32, 2), (64, 2))
"""Channels before the expansion, and stride, of the three stages for 32 px images."""


def conv3x3(channels_in: int, channels_out: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, groups=groups, bias=False)


def conv1x1(channels_in: int, channels_out: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, 1, stride, bias=False)


def blocks_per_stage(depth: int, bottleneck: bool) -> int:
    """How many blocks of two (basic) or three (bottleneck) convolutions make three stages of a depth.

    Raises:
        ValueError: the depth is not 6n + 2 (basic) or 9n + 2 (bottleneck).
    """
    convolutions = 9 if bottleneck else 6
    blocks, rest = divmod(depth - 2, convolutions)
    if blocks < 1 or rest:
        kind = "bottleneck" if bottleneck else "basic"
        raise ValueError(f"depth must be {convolutions}n + 2 for {kind} blocks, not {depth}")
    return blocks


def build_stages(
    block: Callable[[int, int, int], nn.Module], blocks: int, expansion: int
) -> tuple[nn.Sequential, nn.Sequential, nn.Sequential]:
    """The three stages, from ``block(channels_in, channels, stride)``, whose outputs have channels × expansion."""
    width, stages = STEM, (nn.Sequential(), nn.Sequential(), nn.Sequential())
    for stage, (channels, stride) in zip(stages, STAGES, strict=True):
        for index in range(blocks):
            stage.append(block(width, channels, stride if index == 0 else 1))
            width = channels * expansion
    return stages


class PreActivationNetwork(nn.Module):
    """A convolution, three stages, one norm and ReLU, pool, linear: (N, in_channels, H, W) → (N, num_classes).

    Args:
        stages: from :func:`build_stages`.
        expansion: what their outputs' channels are multiplied by.
        num_classes: outputs.
        in_channels: of the images; H and W are multiples of 4.
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
        self.conv1 = conv3x3(in_channels, STEM)
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
    """Convolutions by He's rule over the fan-out (He et al., ICCV 2015); norms and linear layers as torch has them."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
