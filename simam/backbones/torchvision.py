"""torchvision's ImageNet networks, with the numbers of classes and input channels and the weights as options."""

from collections.abc import Callable
from functools import partial

from torch import nn
from torchvision import models


def _build_network(
    builder: Callable[..., nn.Module], *, num_classes: int = 1000, in_channels: int = 3, weights: str | None = None
) -> nn.Module:
    """Build a torchvision network: (N, in_channels, H, W) → (N, num_classes).

    Args:
        builder: torchvision's function that builds the network.
        num_classes: number of classes. Default: 1000.
        in_channels: number of channels of the input images. A number other than 3 replaces the first convolution and
            discards its published weights. Default: 3.
        weights: torchvision's name of published weights, such as ``"DEFAULT"``, which are downloaded if they are not
            cached. Default: None, random initialisation.

    Raises:
        ValueError: torchvision has no such weights, or they have another number of classes.
    """
    network = builder(weights=weights, num_classes=num_classes)
    if in_channels != 3:
        _replace_stem(network, in_channels)
    return network


def _replace_stem(network: nn.Module, in_channels: int) -> None:
    """Replace the first convolution by one with another number of input channels."""
    name, stem = next((name, layer) for name, layer in network.named_modules() if isinstance(layer, nn.Conv2d))
    new_stem = nn.Conv2d(
        in_channels,
        stem.out_channels,
        kernel_size=(stem.kernel_size[0], stem.kernel_size[1]),
        stride=(stem.stride[0], stem.stride[1]),
        padding=(int(stem.padding[0]), int(stem.padding[1])),
        bias=stem.bias is not None,
    )
    # the initialisation that torchvision uses for the convolutions of these networks
    nn.init.kaiming_normal_(new_stem.weight, mode="fan_out", nonlinearity="relu")
    network.set_submodule(name, new_stem)


resnet18 = partial(_build_network, models.resnet18)
resnet34 = partial(_build_network, models.resnet34)
resnet50 = partial(_build_network, models.resnet50)
resnet101 = partial(_build_network, models.resnet101)
resnet152 = partial(_build_network, models.resnet152)
resnext50_32x4d = partial(_build_network, models.resnext50_32x4d)
mobilenet_v2 = partial(_build_network, models.mobilenet_v2)
