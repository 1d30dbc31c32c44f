"""GAM: Liu, Shao, Hoffmann, *Global Attention Mechanism: Retain Information to Enhance Interactions*, arXiv 2021.

Configured as in the code that circulates under the authors' name. It has no
sigmoid between the channel MLP and the product, and biases in all layers. The paper's variant for ResNet-50, grouped
convolutions with a channel shuffle, is not included: the number of parameters is large, about 25 C² for each module.
"""

from torch import Tensor, nn

from simam.attention.validation import check_kernel_size, reduced_channels


class GAM(nn.Module):
    """Channel attention per position, then spatial attention by two convolutions: (N, C, H, W) → (N, C, H, W).

    Args:
        channels: number of input channels, C.
        reduction: ratio of C to the hidden width of both parts, from 1 to C. Default: 4.
        kernel_size: odd kernel size of the convolutions. Default: 7.

    Raises:
        ValueError: ``reduction`` or ``kernel_size`` is out of range.
    """

    def __init__(self, channels: int, reduction: int = 4, kernel_size: int = 7) -> None:
        super().__init__()
        check_kernel_size(kernel_size)
        hidden, padding = reduced_channels(channels, reduction), kernel_size // 2
        self.channel = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, channels))
        self.spatial = nn.Sequential(
            nn.Conv2d(channels, hidden, kernel_size, padding=padding),
            nn.BatchNorm2d(hidden),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, channels, kernel_size, padding=padding),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x * self.channel(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        out: Tensor = x * self.spatial(x).sigmoid()
        return out
