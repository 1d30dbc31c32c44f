"""GC: Cao, Xu, Lin, Wei, Hu, *GCNet: Non-local Networks Meet Squeeze-Excitation Networks and Beyond*, ICCVW 2019.

The global context block with attention pooling and fusion by addition, with the initialisation of the authors' code.
Deviations: none. At the start of training the block is the identity, because the last convolution starts at zero.
"""

from torch import Tensor, nn

from simam.attention.validation import reduced_channels


class GC(nn.Module):
    """Adds a transformed global context, pooled by a softmax over positions: (N, C, H, W) → (N, C, H, W).

    Args:
        channels: number of input channels, C.
        reduction: ratio of C to the hidden width, from 1 to C. Default: 16.

    Raises:
        ValueError: ``reduction`` is below 1 or above C.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = reduced_channels(channels, reduction)
        self.mask = nn.Conv2d(channels, 1, 1)
        self.transform = nn.Sequential(
            nn.Conv2d(channels, hidden, 1),
            nn.LayerNorm([hidden, 1, 1]),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, channels, 1),
        )
        nn.init.kaiming_normal_(self.mask.weight, mode="fan_in", nonlinearity="relu")
        nn.init.zeros_(self.mask.bias)  # type: ignore[arg-type]
        nn.init.zeros_(self.transform[3].weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.transform[3].bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        weights = self.mask(x).flatten(2).softmax(2)
        context = x.flatten(2) @ weights.transpose(1, 2)
        out: Tensor = x + self.transform(context[..., None]).to(x.dtype)
        return out
