"""Where an attention module goes: the one way to get a module into a network."""

import fnmatch
import itertools
from collections.abc import Callable, Mapping
from typing import NamedTuple

from torch import nn
from torchvision.models.mobilenetv2 import InvertedResidual
from torchvision.models.resnet import BasicBlock, Bottleneck

from simam.backbones import cifar_resnet
from simam.backbones.cifar_mobilenet_v2 import CifarInvertedResidual
from simam.backbones.cifar_preresnet import PreActBasicBlock, PreActBottleneck
from simam.backbones.wide_resnet import WideBlock


class PlacementError(ValueError):
    """A network has no layer at the asked-for place, or a layer whose channels cannot be told."""


class Places(NamedTuple):
    """The layers of one block that a module may follow, as names relative to the block."""

    spatial: str
    branch_end: str


def _inverted_residual(block: InvertedResidual) -> Places:
    """Conv = [expansion], depthwise, 1×1 projection, BN; the depthwise entry is itself (conv, BN, ReLU6)."""
    last = len(block.conv) - 1
    return Places(spatial=f"conv.{last - 2}.0", branch_end=f"conv.{last}")


_PLACES: dict[type[nn.Module], Callable[..., Places]] = {
    BasicBlock: lambda block: Places("conv2", "bn2"),
    Bottleneck: lambda block: Places("conv2", "bn3"),
    InvertedResidual: _inverted_residual,
    cifar_resnet.BasicBlock: lambda block: Places("conv2", "bn2"),
    cifar_resnet.Bottleneck: lambda block: Places("conv2", "bn3"),
    PreActBasicBlock: lambda block: Places("conv2", "conv2"),
    PreActBottleneck: lambda block: Places("conv2", "conv3"),
    WideBlock: lambda block: Places("conv2", "conv2"),
    CifarInvertedResidual: lambda block: Places("conv2", "bn3"),
}


def insert(
    network: nn.Module, attention: Callable[[int], nn.Module], placement: str | Mapping[str, str]
) -> tuple[str, ...]:
    """Put a new attention module behind each layer of the place, in the network itself.

    Each named layer becomes ``Sequential(layer, attention(channels))``, so ``conv2.weight`` becomes
    ``conv2.0.weight``, as in the authors' checkpoints.

    Args:
        network: changed in place.
        attention: builds one module for a number of channels.
        placement: ``"spatial"`` (after the block's main spatial convolution, before its norm),
            ``"branch_end"`` (at the end of the residual branch), or ``{"layers": glob}``: every layer whose
            dotted name matches the glob.

    Returns:
        The names of the layers that were wrapped, in the network's order.

    Raises:
        PlacementError: no layer is found, the placement is unknown, or a layer does not tell its channels.
    """
    names = _find(network, placement)
    modules = [attention(_channels(name, network.get_submodule(name))) for name in names]
    for name, module in zip(names, modules, strict=True):
        network.set_submodule(name, nn.Sequential(network.get_submodule(name), module))
    return names


def _find(network: nn.Module, placement: str | Mapping[str, str]) -> tuple[str, ...]:
    if isinstance(placement, str):
        if placement not in Places._fields:
            raise PlacementError(f"unknown placement {placement!r}; the choices are {', '.join(Places._fields)}")
        names = tuple(
            f"{prefix}.{getattr(_PLACES[type(block)](block), placement)}".lstrip(".")
            for prefix, block in network.named_modules()
            if type(block) in _PLACES
        )
        wanted = f"block with a {placement!r} place (it knows {', '.join(kind.__name__ for kind in _PLACES)})"
    else:
        if list(placement) != ["layers"]:
            raise PlacementError(f"write {{'layers': glob}}, not {dict(placement)}")
        pattern = placement["layers"]
        names = tuple(name for name, _ in network.named_modules() if name and fnmatch.fnmatchcase(name, pattern))
        wanted = f"layer that matches {pattern!r}"
    if not names:
        raise PlacementError(f"{type(network).__name__} has no {wanted}")
    for outer, inner in itertools.combinations(names, 2):
        if inner.startswith(f"{outer}."):
            raise PlacementError(f"{inner!r} lies inside {outer!r}, and both match; narrow the glob to one of them")
    return names


def _channels(name: str, layer: nn.Module) -> int:
    """Output channels, by the attribute that torch's layers keep them in."""
    for attribute in ("out_channels", "num_features", "num_channels", "out_features", "normalized_shape"):
        channels = getattr(layer, attribute, None)
        if isinstance(channels, tuple) and len(channels) == 1:
            return int(channels[0])
        if isinstance(channels, int):
            return channels
    raise PlacementError(f"cannot tell the channels of {name!r} ({type(layer).__name__}); name a convolution or a norm")
