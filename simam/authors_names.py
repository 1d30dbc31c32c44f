"""Key names in the checkpoints of the SimAM authors' code, as differences to the names in this project's networks.

The authors wrap a layer together with an attention module, as ``insert`` does, so ``conv2.weight`` becomes
``conv2.0.weight`` in both. SE and torchvision's ResNets have the same names in both and are not listed here.

Source: https://github.com/ZjjConan/SimAM, folder ``networks``.
"""

from collections.abc import Callable, Iterable, Mapping

from torch import nn
from torchvision.models.mobilenetv2 import InvertedResidual, MobileNetV2

from simam.attention.cbam import CBAM
from simam.backbones import cifar_resnet
from simam.backbones.cifar_mobilenet_v2 import CifarMobileNetV2
from simam.backbones.cifar_preresnet import CifarPreResNet, PreActBasicBlock, PreActBottleneck
from simam.backbones.cifar_resnet import CifarResNet
from simam.backbones.wide_resnet import WideBlock, WideResNet

BUFFERS_OF_THOP = ("total_ops", "total_params")
"""Buffers that thop adds to every layer. The authors' scripts count operations with thop before training starts."""


def _inverted_residual(block: InvertedResidual) -> dict[str, str]:
    """Names in a block of torchvision's MobileNetV2, where the authors add the module as an entry of a Sequential."""
    last = len(block.conv) - 1
    names: dict[str, str] = {}
    if _is_wrapped(block.conv[last - 2][0]):  # SimAM behind the depthwise convolution
        names |= {f"conv.{last - 2}.0.0": f"conv.{last - 2}.0", f"conv.{last - 2}.1": f"conv.{last - 2}.2"}
    if _is_wrapped(block.conv[last]):  # another module behind the last norm
        names |= {f"conv.{last}.0": f"conv.{last}", f"conv.{last}.1": f"conv.{last + 1}"}
    return names


def _is_wrapped(layer: nn.Module) -> bool:
    """Whether ``insert`` wrapped this layer together with an attention module."""
    return type(layer) is nn.Sequential


_Names = Mapping[str, str]

_AUTHORS_NAMES: dict[type[nn.Module], _Names | Callable[..., _Names]] = {
    # attention modules
    CBAM: {
        "channel_gate.mlp.0": "ChannelGate.mlp.1",
        "channel_gate.mlp.2": "ChannelGate.mlp.3",
        "spatial_gate": "SpatialGate.spatial",
    },
    # CIFAR ResNet
    CifarResNet: {"fc": "linear"},
    cifar_resnet.BasicBlock: {"downsample": "shortcut"},
    cifar_resnet.Bottleneck: {"downsample": "shortcut"},
    # CIFAR PreResNet
    CifarPreResNet: {"fc": "linear"},
    PreActBasicBlock: {"downsample": "shortcut.0"},
    PreActBottleneck: {"downsample": "shortcut.0"},
    # Wide ResNet
    WideResNet: {"layer1": "block1.layer", "layer2": "block2.layer", "layer3": "block3.layer", "bn": "bn1"},
    WideBlock: {"downsample": "convShortcut"},
    # MobileNetV2
    CifarMobileNetV2: {"fc": "linear"},
    MobileNetV2: {"classifier.1": "classifier.0"},
    InvertedResidual: _inverted_residual,
}
"""Names of layers relative to a module of each type: this project's name and the authors' name."""


def authors_names(network: nn.Module, keys: Iterable[str]) -> dict[str, str]:
    """Mapping from the keys of a network's state dict to the authors' keys.

    Args:
        network: network of any type. Keys of layers that the authors' code does not have stay as they are.
        keys: keys of its state dict.
    """
    names = {key: key for key in keys}
    # Inner modules come first, so that the beginning of each name is still this project's.
    for path, module in reversed(list(network.named_modules())):
        layers = _AUTHORS_NAMES.get(type(module), {})
        if callable(layers):
            layers = layers(module)
        prefix = f"{path}." if path else ""
        for key, name in names.items() if layers else ():
            names[key] = _rename(name, prefix, layers)
    return names


def _rename(name: str, prefix: str, layers: _Names) -> str:
    """Replace the layer that follows a prefix in a name."""
    for ours, theirs in layers.items():
        if name.startswith(f"{prefix}{ours}."):
            return prefix + theirs + name.removeprefix(prefix + ours)
    return name
