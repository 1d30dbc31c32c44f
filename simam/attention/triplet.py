"""Triplet attention: Misra et al., *Rotate to Attend: Convolutional Triplet Attention Module*, WACV 2021.

Deviation from the authors' code: the three gates are averaged before they multiply the input. The result is the same
up to rounding, without copies of the rotated map.
"""

from torch import Tensor, nn

from simam.attention.cbam import SpatialGate


class TripletAttention(nn.Module):
    """Mean of three gates, one for each pair of the dimensions C, H and W: (N, C, H, W) → (N, C, H, W).

    Each gate pools the third dimension by maximum and mean, and is a convolution with batch norm, as CBAM's spatial
    gate is.

    Args:
        channels: unused; accepted so that all attention modules share one signature.
        kernel_size: odd kernel size of the convolutions. Default: 7.

    Raises:
        ValueError: ``kernel_size`` is even or below 1.
    """

    def __init__(self, channels: int | None = None, kernel_size: int = 7) -> None:
        super().__init__()
        self.channel_width = SpatialGate(kernel_size)
        self.height_channel = SpatialGate(kernel_size)
        self.height_width = SpatialGate(kernel_size)

    def forward(self, x: Tensor) -> Tensor:
        channel_width = self.channel_width(x.transpose(1, 2)).transpose(1, 2)
        height_channel = self.height_channel(x.transpose(1, 3)).transpose(1, 3)
        out: Tensor = x * ((channel_width + height_channel + self.height_width(x)) / 3)
        return out
