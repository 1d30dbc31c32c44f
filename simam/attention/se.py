"""SE: Hu, Shen, Sun, *Squeeze-and-Excitation Networks*, CVPR 2018.

Configured as in the SimAM authors' code. Deviation from the paper: the two linear layers have no biases.
"""

from torch import Tensor, nn

from simam.attention.validation import reduced_channels


class SE(nn.Module):
    """Channel attention by a bottleneck MLP over globally pooled channels: (N, C, H, W) → (N, C, H, W).

    Args:
        channels: number of input channels, C.
        reduction: ratio of C to the hidden width, from 1 to C. Default: 16.

    Raises:
        ValueError: ``reduction`` is below 1 or above C.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = reduced_channels(channels, reduction)
        self.fc = nn.Sequential(
            nn.Linear(channels, hidden, bias=False),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, channels, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        gate: Tensor = self.fc(x.mean((2, 3)))
        return x * gate[:, :, None, None]
