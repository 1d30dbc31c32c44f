"""SRM: Lee, Kim, Nam, *SRM: A Style-based Recalibration Module for Convolutional Neural Networks*, ICCV 2019.

Deviation from the authors' code: the standard deviation of a 1×1 map is √ε and not NaN.
"""

import torch
from torch import Tensor, nn

EPSILON = 1e-5
"""Added to the variance of a map before the square root."""


class SRM(nn.Module):
    """Channel attention by the mean and the standard deviation of each map: (N, C, H, W) → (N, C, H, W).

    Batch norm over the gates needs at least two images in training.

    Args:
        channels: number of input channels, C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels, 2))
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        correction = min(1, x.shape[2] * x.shape[3] - 1)  # a single value has no unbiased variance
        variance, mean = torch.var_mean(x, (2, 3), correction=correction)
        style = torch.stack((mean, (variance + EPSILON).sqrt()), dim=2)
        gate: Tensor = self.bn((style * self.weight).sum(2)[:, :, None, None]).sigmoid()
        return x * gate.to(x.dtype)
