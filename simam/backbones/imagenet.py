"""torchvision's ImageNet networks, with the class count, the input channels and published weights as options."""

from collections.abc import Callable
from functools import partial

from torch import nn
from torchvision import models


def _build(
    build: Callable[..., nn.Module], *, num_classes: int = 1000, in_channels: int = 3, weights: str | None = None
) -> nn.Module:
    """A torchvision network for inputs of shape (N, in_channels, H, W) → (N, num_classes).

    Args:
        build: torchvision's function.
        num_classes: outputs.
        in_channels: of the images.
        weights: torchvision's name for what it publishes, such as "DEFAULT"; fetched where it is not there yet.

    Raises:
        ValueError: there are no such weights, or not for so many classes.
    """
    network = build(weights=weights, num_classes=num_classes)
    if in_channels != 3:
        _replace_stem(network, in_channels)
    return network


def _replace_stem(network: nn.Module, in_channels: int) -> None:
    name, stem = next((name, layer) for name, layer in network.named_modules() if isinstance(layer, nn.Conv2d))
    wider = nn.Conv2d(
        in_channels,
        stem.out_channels,
        kernel_size=(stem.kernel_size[0], stem.kernel_size[1]),
        stride=(stem.stride[0], stem.stride[1]),
        padding=(int(stem.padding[0]), int(stem.padding[1])),
        bias=stem.bias is not None,
    )
    # torchvision's own initialisation of a convolution in these networks
    nn.init.kaiming_normal_(wider.weight, mode="fan_out", nonlinearity="relu")
    network.set_submodule(name, wider)


resnet18 = partial(_build, models.resnet18)
resnet34 = partial(_build, models.resnet34)
resnet50 = partial(_build, models.resnet50)
resnet101 = partial(_build, models.resnet101)
resnet152 = partial(_build, models.resnet152)
resnext50_32x4d = partial(_build, models.resnext50_32x4d)
mobilenet_v2 = partial(_build, models.mobilenet_v2)
