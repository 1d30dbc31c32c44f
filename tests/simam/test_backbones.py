"""Parameters and MACs of the networks, compared with published counts and with sums over the layers by hand."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from bench.measure.complexity import count_parameters
from bench.measure.counters import count_fvcore
from bench.report.sections.published import PUBLISHED, PublishedFigure
from simam import insert
from simam.registry import ATTENTION, BACKBONES
from tests.helpers import counted

EXACT_COUNTS = [figure for figure in PUBLISHED if figure.digits is None]
ROUNDED_COUNTS = [
    figure for figure in PUBLISHED if figure.value in ("params", "fvcore_flops") and figure.digits is not None
]


def build(backbone: str, attention: str, device: str = "meta") -> tuple[nn.Module, torch.Tensor]:
    side, placement = BACKBONES.get(backbone).resolution, ATTENTION.get(attention).placement
    with torch.device(device):
        network, image = BACKBONES.load(backbone)(), torch.zeros(1, 3, side, side)
        if placement:
            insert(network, ATTENTION.load(attention), placement)
    return network.eval(), image


def figure_id(figure: PublishedFigure) -> str:
    return f"{figure.backbone}-{figure.attention}-{figure.value}"


@pytest.mark.parametrize("figure", EXACT_COUNTS, ids=figure_id)
def test_exact_published_counts(figure: PublishedFigure) -> None:
    network, image = build(figure.backbone, figure.attention)
    measured = {"params": count_parameters(network), "macs": counted(network, image).macs}
    assert measured[figure.value] == figure.number


@pytest.mark.parametrize("figure", ROUNDED_COUNTS, ids=figure_id)
def test_rounded_published_counts(figure: PublishedFigure) -> None:
    network, image = build(figure.backbone, figure.attention, "cpu")
    measured = count_parameters(network) if figure.value == "params" else count_fvcore(network, image)
    assert round(measured / figure.unit, figure.digits) == figure.number


def resnet_counts(depth: int, classes: int = 10) -> tuple[int, int]:
    """Parameters and MACs of a ResNet with basic blocks, summed over its layers."""
    params, macs = 9 * 3 * 16 + 32, 9 * 3 * 16 * 32**2
    width, side = 16, 32
    for channels, stride in ((16, 1), (32, 2), (64, 2)):
        side //= stride
        for block in range((depth - 2) // 6):
            params += 9 * width * channels + 9 * channels**2 + 4 * channels
            macs += (9 * width * channels + 9 * channels**2) * side**2
            if width != channels and block == 0:
                params, macs = params + width * channels + 2 * channels, macs + width * channels * side**2
            width = channels
    return params + 64 * classes + classes, macs + 64 * classes


def bottleneck_resnet_counts(depth: int) -> tuple[int, int]:
    """Parameters and MACs of a ResNet with bottlenecks. The 1×1 before a strided 3×3 runs at the larger resolution."""
    params, macs = 9 * 3 * 16 + 32, 9 * 3 * 16 * 32**2
    width, side = 16, 32
    for channels, stride in ((16, 1), (32, 2), (64, 2)):
        for block in range((depth - 2) // 9):
            input_side = side
            side //= stride if block == 0 else 1
            params += width * channels + 9 * channels**2 + 4 * channels**2 + 2 * (channels + channels + 4 * channels)
            macs += width * channels * input_side**2 + (9 * channels**2 + 4 * channels**2) * side**2
            if block == 0:
                params, macs = params + width * 4 * channels + 8 * channels, macs + width * 4 * channels * side**2
            width = 4 * channels
    return params + 256 * 10 + 10, macs + 256 * 10


def preresnet_counts(depth: int) -> tuple[int, int]:
    """Parameters and MACs of a PreResNet with basic blocks.

    Its convolutions are those of the ResNet. Each norm precedes its convolution. The first convolution and the
    shortcuts have no norm.
    """
    params, macs = resnet_counts(depth)
    blocks = (depth - 2) // 6
    norms_after = 2 * (16 + 2 * blocks * (16 + 32 + 64) + 32 + 64)
    norms_before = 2 * (
        16 * blocks + (16 + 32 * (blocks - 1)) + (32 + 64 * (blocks - 1)) + blocks * (16 + 32 + 64) + 64
    )
    return params - norms_after + norms_before, macs


@pytest.mark.parametrize("depth", range(8, 111, 6))
def test_resnets_of_every_depth(depth: int) -> None:
    network, image = build(f"cifar_resnet{depth}", "none")
    assert (count_parameters(network), counted(network, image).macs) == resnet_counts(depth)


@pytest.mark.parametrize("depth", [56, 110, 164])
def test_bottleneck_resnets(depth: int) -> None:
    network, image = build(f"cifar_resnet{depth}_bottleneck", "none")
    assert (count_parameters(network), counted(network, image).macs) == bottleneck_resnet_counts(depth)


@pytest.mark.parametrize("depth", range(8, 111, 6))
def test_preresnets_of_every_depth(depth: int) -> None:
    network, image = build(f"cifar_preresnet{depth}", "none")
    assert (count_parameters(network), counted(network, image).macs) == preresnet_counts(depth)


@pytest.mark.parametrize("depth", [56, 110, 164])
def test_bottleneck_preresnets(depth: int) -> None:
    params, macs = bottleneck_resnet_counts(depth)
    blocks = (depth - 2) // 9
    # The convolutions are those of the ResNet. There, norms of c, c, 4c and, in a shortcut, 4c channels follow the
    # convolutions, and one norm follows the first convolution. Here, norms of the input (16, later 4c), c and c
    # channels precede the convolutions, and one norm precedes the pooling.
    norms_after = 2 * (16 + sum(blocks * 6 * c + 4 * c for c in (16, 32, 64)))
    inputs = 16 + (blocks - 1) * 64 + 64 + (blocks - 1) * 128 + 128 + (blocks - 1) * 256
    norms_before = 2 * (inputs + sum(blocks * 2 * c for c in (16, 32, 64)) + 256)
    network, image = build(f"cifar_preresnet{depth}_bottleneck", "none")
    assert (count_parameters(network), counted(network, image).macs) == (params - norms_after + norms_before, macs)


def resnet_block_channels(depth: int) -> list[int]:
    """Output channels of each block of an ImageNet ResNet with bottlenecks."""
    blocks = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}[depth]
    return [256 * 2**stage for stage, count in enumerate(blocks) for _ in range(count)]


MOBILENET_BLOCK_CHANNELS = [16, *[24] * 2, *[32] * 3, *[64] * 4, *[96] * 3, *[160] * 3, 320]
BLOCK_CHANNELS = {
    "resnet18": [64, 64, 128, 128, 256, 256, 512, 512],
    "resnet34": [*[64] * 3, *[128] * 4, *[256] * 6, *[512] * 3],
    "resnet50": resnet_block_channels(50),
    "resnext50_32x4d": resnet_block_channels(50),
    "resnet101": resnet_block_channels(101),
    "resnet152": resnet_block_channels(152),
    "mobilenet_v2": MOBILENET_BLOCK_CHANNELS,
    "cifar_mobilenet_v2": MOBILENET_BLOCK_CHANNELS,
    "cifar_resnet110": [*[16] * 18, *[32] * 18, *[64] * 18],
    "cifar_preresnet56": [*[16] * 9, *[32] * 9, *[64] * 9],
    "cifar_resnet164_bottleneck": [*[64] * 18, *[128] * 18, *[256] * 18],
    "cifar_preresnet164_bottleneck": [*[64] * 18, *[128] * 18, *[256] * 18],
    "wide_resnet28_10": [*[160] * 4, *[320] * 4, *[640] * 4],
}
"""Output channels of each block of the backbones, from the papers' tables."""

ECA_KERNEL_SIZES = {16: 3, 24: 3, 32: 3, 64: 3, 96: 3, 128: 5, 160: 5, 256: 5, 320: 5, 512: 5, 640: 5, 1024: 5, 2048: 7}


def hidden(channels: int) -> int:
    return channels // 16


@pytest.mark.parametrize("name", BLOCK_CHANNELS)
@pytest.mark.parametrize(
    ("attention", "weights"),
    [
        ("se", lambda c: 2 * c * hidden(c)),
        # two linear layers with biases, a 7×7 convolution of two channels, and a batch norm of one channel
        ("cbam", lambda c: 2 * c * hidden(c) + hidden(c) + c + 98 + 2),
        ("eca", lambda c: ECA_KERNEL_SIZES[c]),
    ],
)
def test_parameters_of_attention_modules_at_branch_end(
    name: str, attention: str, weights: Callable[[int], int]
) -> None:
    plain, _ = build(name, "none")
    network, _ = build(name, attention)
    assert count_parameters(network) - count_parameters(plain) == sum(map(weights, BLOCK_CHANNELS[name]))


def wide_resnet_counts(depth: int, k: int) -> tuple[int, int]:
    """Parameters and MACs of WideResNet-depth-k."""
    blocks = (depth - 4) // 6
    params, macs = 9 * 3 * 16, 9 * 3 * 16 * 32**2
    width, side = 16, 32
    for channels, stride in ((16 * k, 1), (32 * k, 2), (64 * k, 2)):
        side //= stride
        for block in range(blocks):
            convolutions = 9 * width * channels + 9 * channels**2 + (width * channels if block == 0 else 0)
            params += convolutions + 2 * width + 2 * channels
            macs += convolutions * side**2
            width = channels
    return params + 2 * width + 10 * width + 10, macs + 10 * width


@pytest.mark.parametrize(("depth", "k"), [(28, 10), (40, 10)])
def test_wide_resnets(depth: int, k: int) -> None:
    network, image = build(f"wide_resnet{depth}_{k}", "none")
    params, macs = wide_resnet_counts(depth, k)
    assert (count_parameters(network), counted(network, image).macs) == (params, macs)
    # Zagoruyko and Komodakis, table 4: 36.5 M and 55.8 M
    assert round(params / 1e6, 1) == {28: 36.5, 40: 55.8}[depth]


def test_cifar_mobilenet_v2() -> None:
    params, macs, width, side = 9 * 3 * 32 + 64, 9 * 3 * 32 * 32**2, 32, 32
    for expansion, channels, blocks, stride in (
        (1, 16, 1, 1),
        (6, 24, 2, 1),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ):
        for block in range(blocks):
            hidden, input_side = width * expansion, side
            side //= stride if block == 0 else 1
            params += width * hidden + 9 * hidden + hidden * channels + 4 * hidden + 2 * channels
            macs += width * hidden * input_side**2 + (9 * hidden + hidden * channels) * side**2
            if (stride == 1 or block > 0) and width != channels:
                params, macs = params + width * channels + 2 * channels, macs + width * channels * side**2
            width = channels
    params, macs = params + 320 * 1280 + 2 * 1280 + 1280 * 10 + 10, macs + 320 * 1280 * side**2 + 1280 * 10
    network, image = build("cifar_mobilenet_v2", "none")
    assert (count_parameters(network), counted(network, image).macs) == (params, macs)


@pytest.mark.parametrize(
    "name", ["cifar_resnet8", "cifar_preresnet8", "cifar_mobilenet_v2", "cifar_resnet56_bottleneck"]
)
def test_class_and_channel_options_of_cifar_networks(name: str) -> None:
    network = BACKBONES.load(name)(num_classes=100, in_channels=1).eval()
    assert network(torch.randn(2, 1, 32, 32)).shape == (2, 100)


def test_class_and_channel_options_of_mobilenet_v2() -> None:
    network = BACKBONES.load("mobilenet_v2")(num_classes=7, in_channels=1).eval()
    assert network(torch.randn(1, 1, 64, 64)).shape == (1, 7)


@pytest.mark.parametrize(
    ("path", "options", "message"),
    [
        ("simam.backbones.cifar_resnet:CifarResNet", {"depth": 21}, r"depth must be 6n \+ 2 for basic blocks, not 21"),
        ("simam.backbones.cifar_resnet:CifarResNet", {"depth": 2}, r"6n \+ 2"),
        (
            "simam.backbones.cifar_preresnet:CifarPreResNet",
            {"depth": 57, "bottleneck": True},
            r"9n \+ 2 for bottleneck",
        ),
        ("simam.backbones.wide_resnet:WideResNet", {"depth": 27, "width": 1}, r"depth must be 6n \+ 4, not 27"),
    ],
)
def test_invalid_depth_errors(path: str, options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BACKBONES.load(path)(**options)


def test_depth_in_name_sets_network_depth() -> None:
    assert count_parameters(BACKBONES.load("cifar_resnet20")()) == 272_474


@pytest.mark.parametrize("name", list(BACKBONES))
def test_registry_states_whether_placements_coincide(name: str) -> None:
    def layers(placement: str) -> tuple[str, ...]:
        with torch.device("meta"):
            return insert(BACKBONES.load(name)(), ATTENTION.load("simam"), placement)

    assert (layers("spatial") == layers("branch_end")) == BACKBONES.get(name).placements_coincide


def test_wide_block_drops_out_between_convolutions() -> None:
    torch.manual_seed(0)
    from simam.backbones.wide_resnet import WideBlock

    block, x = WideBlock(4, 4, 1, dropout=1.0), torch.randn(2, 4, 8, 8)
    assert torch.equal(block.train()(x), x)  # everything before the second convolution is dropped


def test_basic_block_matches_functional_form() -> None:
    from simam.backbones.cifar_resnet import BasicBlock

    block, x = BasicBlock(2, 4, 2).eval(), torch.randn(1, 2, 8, 8)
    f = nn.functional
    bn = (1 + 1e-5) ** -0.5  # factor of a newly initialised batch norm in inference
    y = f.relu(f.conv2d(x, block.conv1.weight, stride=2, padding=1) * bn)
    y = f.conv2d(y, block.conv2.weight, padding=1) * bn
    torch.testing.assert_close(block(x), f.relu(y + f.conv2d(x, block.downsample[0].weight, stride=2) * bn))


def test_preactivation_shortcut_uses_raw_input() -> None:
    from simam.backbones.cifar_preresnet import PreActBasicBlock

    block, x = PreActBasicBlock(2, 4, 2).eval(), torch.randn(1, 2, 8, 8)
    nn.init.zeros_(block.conv2.weight)
    torch.testing.assert_close(block(x), nn.functional.conv2d(x, block.downsample.weight, stride=2))


def test_wide_block_shortcut_uses_activated_input() -> None:
    from simam.backbones.wide_resnet import WideBlock

    block, x = WideBlock(2, 4, 2, 0.0).eval(), torch.randn(1, 2, 8, 8)
    nn.init.zeros_(block.conv2.weight)
    activated = nn.functional.relu(x * (1 + 1e-5) ** -0.5)
    torch.testing.assert_close(block(x), nn.functional.conv2d(activated, block.downsample.weight, stride=2))
