"""GE: Hu, Shen, Albanie, Sun, Vedaldi, *Gather-Excite: Exploiting Feature Context in CNNs*, NeurIPS 2018.

The paper's variants: GE-θ⁻ (``parameters="none"``), GE-θ (``"gather"``) and GE-θ⁺ (``"gather_excite"``), each with an
extent. The authors published network definitions without code.

Deviation: the parametrised variants have no global extent, because its depthwise convolution is as large as the map,
whose size a module does not know when it is built.
"""

from typing import Literal, TypeAlias, get_args

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from simam.attention.validation import check_choice, check_positive, reduced_channels

Parameters: TypeAlias = Literal["none", "gather", "gather_excite"]


class GE(nn.Module):
    """Gates from the context of each position, gathered over an extent: (N, C, H, W) → (N, C, H, W).

    Args:
        channels: number of input channels, C.
        extent: ratio of the size of the map to the size of the gathered map, a power of 2 such as 2, 4 or 8; 0 for
            the global mean. Default: 0.
        parameters: ``"none"`` for average pooling, ``"gather"`` for depthwise convolutions with stride 2,
            ``"gather_excite"`` for these and a bottleneck of 1×1 convolutions. Default: ``"none"``.
        reduction: ratio of C to the width of that bottleneck, from 1 to C. Default: 16.

    Raises:
        ValueError: ``extent`` is no power of 2, or is 0 and ``parameters`` is not ``"none"``; ``parameters`` is
            unknown; ``reduction`` is out of range.
    """

    def __init__(self, channels: int, extent: int = 0, parameters: Parameters = "none", reduction: int = 16) -> None:
        super().__init__()
        check_choice("parameters", parameters, get_args(Parameters))
        check_positive("reduction", reduction)
        if extent or parameters != "none":
            _check_extent(extent, parameters)
        self.extent = extent
        self.gather = None if parameters == "none" else _gather(channels, extent)
        self.excite = _excite(channels, reduction) if parameters == "gather_excite" else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        gate: Tensor = self.excite(self._gathered(x)).sigmoid()
        if self.extent:
            gate = interpolate(gate, x.shape[2:])
        return x * gate

    def _gathered(self, x: Tensor) -> Tensor:
        """The context, (N, C, ⌈H / extent⌉, ⌈W / extent⌉), or (N, C, 1, 1) for the global extent."""
        if self.gather is not None:
            gathered: Tensor = self.gather(x)
            return gathered
        if not self.extent:
            return x.mean((2, 3), keepdim=True)
        return avg_pool2d(x, 2 * self.extent - 1, self.extent, padding=self.extent - 1, count_include_pad=False)

    def extra_repr(self) -> str:
        return f"extent={self.extent}"


def _check_extent(extent: int, parameters: str) -> None:
    if not isinstance(extent, int) or isinstance(extent, bool) or extent < 0 or extent & (extent - 1) or extent == 1:
        raise ValueError(f"extent must be 0 (global) or a power of 2 from 2, not {extent!r}")
    if extent == 0:
        raise ValueError(f"parameters={parameters!r} needs an extent of 2 or more, such as 8, not 0 (global)")


def _gather(channels: int, extent: int) -> nn.Sequential:
    """Depthwise 3×3 convolutions with stride 2, each with batch norm, and ReLU between them."""
    layers: list[nn.Module] = []
    for _ in range(extent.bit_length() - 1):
        conv = nn.Conv2d(channels, channels, 3, stride=2, padding=1, groups=channels, bias=False)
        layers += [conv, nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers[:-1])


def _excite(channels: int, reduction: int) -> nn.Sequential:
    hidden = reduced_channels(channels, reduction)
    return nn.Sequential(
        nn.ReLU(inplace=True), nn.Conv2d(channels, hidden, 1), nn.ReLU(inplace=True), nn.Conv2d(hidden, channels, 1)
    )
