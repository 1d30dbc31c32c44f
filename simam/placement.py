"""Insertion of attention modules into a network, at placements in its blocks or behind layers selected by name."""

import fnmatch
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from torch import nn


class PlacementError(ValueError):
    """A placement that matches no layer of the network, or a layer whose number of channels is unknown."""


class BlockPlacements(NamedTuple):
    """Layer that an attention module follows at each placement, as a name relative to its block."""

    spatial: str
    branch_end: str


def _inverted_residual(block: Any) -> BlockPlacements:
    """Placements in a block whose ``conv`` is [expansion], depthwise, 1×1 projection, BN.

    The depthwise entry is itself a sequence of convolution, BN and ReLU6. The expansion is absent at expansion ratio 1.
    """
    last = len(block.conv) - 1
    return BlockPlacements(spatial=f"conv.{last - 2}.0", branch_end=f"conv.{last}")


_BLOCK_PLACEMENTS: Mapping[str, Callable[[Any], BlockPlacements]] = {
    "torchvision.models.resnet:BasicBlock": lambda block: BlockPlacements("conv2", "bn2"),
    "torchvision.models.resnet:Bottleneck": lambda block: BlockPlacements("conv2", "bn3"),
    "torchvision.models.mobilenetv2:InvertedResidual": _inverted_residual,
    "simam.backbones.cifar_resnet:BasicBlock": lambda block: BlockPlacements("conv2", "bn2"),
    "simam.backbones.cifar_resnet:Bottleneck": lambda block: BlockPlacements("conv2", "bn3"),
    "simam.backbones.cifar_preresnet:PreActBasicBlock": lambda block: BlockPlacements("conv2", "conv2"),
    "simam.backbones.cifar_preresnet:PreActBottleneck": lambda block: BlockPlacements("conv2", "conv3"),
    "simam.backbones.wide_resnet:WideBlock": lambda block: BlockPlacements("conv2", "conv2"),
    "simam.backbones.cifar_mobilenet_v2:CifarInvertedResidual": lambda block: BlockPlacements("conv2", "bn3"),
}
"""Path of a block's class → its placements. Paths, because importing torchvision's models takes seconds."""


def _path(block: nn.Module) -> str:
    return f"{type(block).__module__}:{type(block).__qualname__}"


def insert(
    network: nn.Module, attention: Callable[[int], nn.Module], placement: str | Mapping[str, str]
) -> tuple[str, ...]:
    """Insert a new attention module behind each layer that a placement selects. Modifies the network in place.

    Each named layer becomes ``Sequential(layer, attention(channels))``, so ``conv2.weight`` becomes
    ``conv2.0.weight``, as in the authors' checkpoints.

    Args:
        network: network to modify.
        attention: callable that builds one module from the number of channels of the layer before it.
        placement: ``"spatial"`` (after the block's main spatial convolution, before its norm),
            ``"branch_end"`` (at the end of the residual branch), or ``{"layers": glob}`` for every layer whose dotted
            name matches the glob; a layer that is used under two names gets a module under each.

    Returns:
        The names of the wrapped layers, in the order of ``network.named_modules()``.

    Raises:
        PlacementError: the placement is unknown, it selects no layer, it selects a layer inside another selected
            layer, or the number of channels of a layer is unknown.
    """
    names = _selected_layers(network, placement)
    modules = [attention(_output_channels(name, network.get_submodule(name))) for name in names]
    for name, module in zip(names, modules, strict=True):
        network.set_submodule(name, nn.Sequential(network.get_submodule(name), module))
    return names


def _selected_layers(network: nn.Module, placement: str | Mapping[str, str]) -> tuple[str, ...]:
    """Names of the layers that a placement selects, in the order of ``network.named_modules()``."""
    if isinstance(placement, str):
        if placement not in BlockPlacements._fields:
            raise PlacementError(
                f"unknown placement {placement!r}; the choices are {', '.join(BlockPlacements._fields)}"
            )
        names = tuple(
            f"{prefix}.{getattr(_BLOCK_PLACEMENTS[_path(block)](block), placement)}".lstrip(".")
            for prefix, block in network.named_modules()
            if _path(block) in _BLOCK_PLACEMENTS
        )
        supported = ", ".join(dict.fromkeys(path.rpartition(":")[2] for path in _BLOCK_PLACEMENTS))
        target = f"block with the placement {placement!r} (supported blocks: {supported})"
    else:
        if list(placement) != ["layers"]:
            raise PlacementError(f"a placement by layers must be {{'layers': glob}}, not {dict(placement)}")
        pattern = placement["layers"]
        names = tuple(_distinct_places(network, pattern))
        target = f"layer that matches {pattern!r}"
    if not names:
        raise PlacementError(f"{type(network).__name__} has no {target}")
    for outer, inner in itertools.combinations(names, 2):
        if inner.startswith(f"{outer}."):
            raise PlacementError(f"{inner!r} lies inside {outer!r}, and both match; narrow the glob to one of them")
    return names


def _distinct_places(network: nn.Module, pattern: str) -> Iterator[str]:
    """Names that match a glob, one for each place that holds a layer.

    A layer that two places hold has both of their names, and each place gets a module of its own. A place inside a
    block that is held twice has two names, of which the first counts.
    """
    places: set[tuple[int, str]] = set()
    for name, _ in network.named_modules(remove_duplicate=False):
        parent, _, child = name.rpartition(".")
        place = id(network.get_submodule(parent)), child
        if name and fnmatch.fnmatchcase(name, pattern) and place not in places:
            places.add(place)
            yield name


def _output_channels(name: str, layer: nn.Module) -> int:
    """Number of output channels, from the attribute in which torch's convolutions, norms and linear layers keep it."""
    for attribute in ("out_channels", "num_features", "num_channels", "out_features", "normalized_shape"):
        channels = getattr(layer, attribute, None)
        if isinstance(channels, tuple) and len(channels) == 1:
            return int(channels[0])
        if isinstance(channels, int):
            return channels
    raise PlacementError(
        f"cannot determine the number of channels of {name!r} ({type(layer).__name__}); "
        "select a convolution or a normalisation layer"
    )
