"""Keys of the state dicts of the SimAM authors' networks, in order, written by hand from their constructors.

The tables name layers: ``name`` is a convolution, ``name*`` a batch norm and ``name+`` a linear layer with bias.
"""

from collections.abc import Collection, Iterator

TENSORS = {
    "": ("weight",),
    "*": ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"),
    "+": ("weight", "bias"),
}

ATTENTION = {
    "none": [],
    "simam": [],
    "se": ["fc.0.weight", "fc.2.weight"],
    "cbam": [
        "ChannelGate.mlp.1.weight",
        "ChannelGate.mlp.1.bias",
        "ChannelGate.mlp.3.weight",
        "ChannelGate.mlp.3.bias",
        "SpatialGate.spatial.conv.weight",
        "SpatialGate.spatial.bn.weight",
        "SpatialGate.spatial.bn.bias",
        "SpatialGate.spatial.bn.running_mean",
        "SpatialGate.spatial.bn.running_var",
        "SpatialGate.spatial.bn.num_batches_tracked",
    ],
}

BASIC, BOTTLENECK = "conv1 bn1* conv2 bn2*", "conv1 bn1* conv2 bn2* conv3 bn3*"
PRE_BASIC, PRE_BOTTLENECK = "bn1* conv1 bn2* conv2", "bn1* conv1 bn2* conv2 bn3* conv3"


def cifar_resnet14(attention: str) -> Iterator[str]:
    yield from layers("conv1 bn1*")
    blocks = [f"layer{stage}.{block}" for stage in (1, 2, 3) for block in (0, 1)]
    yield from stages(blocks, BASIC, "bn2", "shortcut.0 shortcut.1*", {"layer2.0", "layer3.0"}, attention)
    yield from layers("linear+")


def cifar_resnet20_bottleneck(attention: str) -> Iterator[str]:
    yield from layers("conv1 bn1*")
    blocks = [f"layer{stage}.{block}" for stage in (1, 2, 3) for block in (0, 1)]
    first = {"layer1.0", "layer2.0", "layer3.0"}
    yield from stages(blocks, BOTTLENECK, "bn3", "shortcut.0 shortcut.1*", first, attention)
    yield from layers("linear+")


def cifar_preresnet14(attention: str) -> Iterator[str]:
    yield from layers("conv1")
    blocks = [f"layer{stage}.{block}" for stage in (1, 2, 3) for block in (0, 1)]
    yield from stages(blocks, PRE_BASIC, "conv2", "shortcut.0", {"layer2.0", "layer3.0"}, attention)
    yield from layers("bn* linear+")


def cifar_preresnet20_bottleneck(attention: str) -> Iterator[str]:
    yield from layers("conv1")
    blocks = [f"layer{stage}.{block}" for stage in (1, 2, 3) for block in (0, 1)]
    first = {"layer1.0", "layer2.0", "layer3.0"}
    yield from stages(blocks, PRE_BOTTLENECK, "conv3", "shortcut.0", first, attention)
    yield from layers("bn* linear+")


def wide_resnet16_2(attention: str) -> Iterator[str]:
    yield from layers("conv1")
    blocks = [f"block{stage}.layer.{block}" for stage in (1, 2, 3) for block in (0, 1)]
    first = {"block1.layer.0", "block2.layer.0", "block3.layer.0"}
    yield from stages(blocks, PRE_BASIC, "conv2", "convShortcut", first, attention)
    yield from layers("bn1* fc+")


def cifar_mobilenet_v2(attention: str) -> Iterator[str]:
    yield from layers("conv1 bn1*")
    blocks = [f"layers.{block}" for block in range(17)]
    widening = {"layers.0", "layers.1", "layers.10", "layers.16"}  # stride 1 and another number of channels
    yield from stages(blocks, BOTTLENECK, "bn3", "shortcut.0 shortcut.1*", widening, attention)
    yield from layers("conv2 bn2* linear+")


def resnet18(attention: str) -> Iterator[str]:
    yield from layers("conv1 bn1*")
    blocks = [f"layer{stage}.{block}" for stage in (1, 2, 3, 4) for block in (0, 1)]
    first = {"layer2.0", "layer3.0", "layer4.0"}
    yield from stages(blocks, BASIC, "bn2", "downsample.0 downsample.1*", first, attention)
    yield from layers("fc+")


def resnet50(attention: str) -> Iterator[str]:
    yield from layers("conv1 bn1*")
    blocks = [f"layer{stage}.{block}" for stage, number in enumerate((3, 4, 6, 3), 1) for block in range(number)]
    first = {"layer1.0", "layer2.0", "layer3.0", "layer4.0"}
    yield from stages(blocks, BOTTLENECK, "bn3", "downsample.0 downsample.1*", first, attention)
    yield from layers("fc+")


def mobilenet_v2(attention: str) -> Iterator[str]:
    norm = 2 if attention == "simam" else 1  # SimAM is an entry between the depthwise convolution and its norm
    yield from layers("0.0 0.1*", "features.")
    yield from layers(f"0.0 0.{norm}* 1 2*", "features.1.conv.")
    yield from (f"features.1.conv.3.{key}" for key in ATTENTION[attention])
    for block in range(2, 18):
        yield from layers(f"0.0 0.1* 1.0 1.{norm}* 2 3*", f"features.{block}.conv.")
        yield from (f"features.{block}.conv.4.{key}" for key in ATTENTION[attention])
    yield from layers("18.0 18.1*", "features.")
    yield from layers("classifier.0+")


def stages(
    blocks: list[str], table: str, branch_end: str, shortcut: str, shortcut_blocks: Collection[str], attention: str
) -> Iterator[str]:
    """Keys of residual blocks, whose second convolution (SimAM) or last layer (other modules) is wrapped."""
    wrapped = {"none": None, "simam": "conv2"}.get(attention, branch_end)
    for block in blocks:
        for layer in table.split():
            if layer.rstrip("*") == wrapped:
                yield from layers(layer.replace(wrapped, f"{wrapped}.0"), f"{block}.")
                yield from (f"{block}.{wrapped}.1.{key}" for key in ATTENTION[attention])
            else:
                yield from layers(layer, f"{block}.")
        if block in shortcut_blocks:
            yield from layers(shortcut, f"{block}.")


def layers(table: str, prefix: str = "") -> Iterator[str]:
    """Keys of the layers of a table."""
    for layer in table.split():
        name = layer.rstrip("*+")
        yield from (f"{prefix}{name}.{tensor}" for tensor in TENSORS[layer.removeprefix(name)])
