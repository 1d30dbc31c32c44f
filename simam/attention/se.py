"""SE: Hu, Shen, Sun, *Squeeze-and-Excitation Networks*, CVPR 2018, as the authors of SimAM configure it.

Deviations from the paper: the two linear layers have no biases.
"""

from torch import Tensor, nn

from simam.attention.options import reduced


class SE(nn.Module):
    """Weight whole channels by what all of them contain: (N, C, H, W) → (N, C, H, W).

    Args:
        channels: C.
        reduction: C is divided by this between the two linear layers; 1 to C.

    Raises:
        ValueError: the reduction is below 1 or above C.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = reduced(channels, reduction)
        self.fc = nn.Sequential(
            nn.Linear(channels, hidden, bias=False),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, channels, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        gate: Tensor = self.fc(x.mean((2, 3)))
        return x * gate[:, :, None, None]
