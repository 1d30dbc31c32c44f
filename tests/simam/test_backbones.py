"""Parameters and multiply-adds of whole networks: the authors' integers, and sums made by hand from the plans."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from bench.measure.complexity import count_parameters
from bench.measure.counters import count_fvcore
from bench.report.sections.published import FIGURES, Figure
from simam import insert
from simam.registry import ATTENTION, BACKBONES
from tests.helpers import counted

INTEGERS = [figure for figure in FIGURES if figure.digits is None]
COLUMNS = [figure for figure in FIGURES if figure.value in ("params", "fvcore_flops") and figure.digits is not None]


def build(backbone: str, attention: str, device: str = "meta") -> tuple[nn.Module, torch.Tensor]:
    side, place = BACKBONES.get(backbone).resolution, ATTENTION.get(attention).placement
    with torch.device(device):
        network, image = BACKBONES.load(backbone)(), torch.zeros(1, 3, side, side)
        if place:
            insert(network, ATTENTION.load(attention), place)
    return network.eval(), image


def named(figure: Figure) -> str:
    return f"{figure.backbone}-{figure.attention}-{figure.value}"


@pytest.mark.parametrize("figure", INTEGERS, ids=named)
def test_the_authors_integers(figure: Figure) -> None:
    network, image = build(figure.backbone, figure.attention)
    measured = {"params": count_parameters(network), "macs": counted(network, image).macs}
    assert measured[figure.value] == figure.published


@pytest.mark.parametrize("figure", COLUMNS, ids=named)
def test_the_published_columns_at_their_precision(figure: Figure) -> None:
    network, image = build(figure.backbone, figure.attention, "cpu")
    measured = count_parameters(network) if figure.value == "params" else count_fvcore(network, image)
    assert round(measured / figure.unit, figure.digits) == figure.published


def resnet(depth: int, classes: int = 10) -> tuple[int, int]:
    """Basic blocks: parameters and MACs, layer by layer from the plan."""
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


def resnet_bottleneck(depth: int) -> tuple[int, int]:
    """Bottlenecks: the 1×1 before a strided 3×3 runs on the larger map."""
    params, macs = 9 * 3 * 16 + 32, 9 * 3 * 16 * 32**2
    width, side = 16, 32
    for channels, stride in ((16, 1), (32, 2), (64, 2)):
        for block in range((depth - 2) // 9):
            before = side
            side //= stride if block == 0 else 1
            params += width * channels + 9 * channels**2 + 4 * channels**2 + 2 * (channels + channels + 4 * channels)
            macs += width * channels * before**2 + (9 * channels**2 + 4 * channels**2) * side**2
            if block == 0:
                params, macs = params + width * 4 * channels + 8 * channels, macs + width * 4 * channels * side**2
            width = 4 * channels
    return params + 256 * 10 + 10, macs + 256 * 10


def preactivation(depth: int) -> tuple[int, int]:
    """The same convolutions as ResNet; each norm stands before its convolution, none after the stem or a shortcut."""
    params, macs = resnet(depth)
    blocks = (depth - 2) // 6
    after = 2 * (16 + 2 * blocks * (16 + 32 + 64) + 32 + 64)
    before = 2 * (16 * blocks + (16 + 32 * (blocks - 1)) + (32 + 64 * (blocks - 1)) + blocks * (16 + 32 + 64) + 64)
    return params - after + before, macs


@pytest.mark.parametrize("depth", range(8, 111, 6))
def test_resnets_of_every_depth(depth: int) -> None:
    network, image = build(f"cifar_resnet{depth}", "none")
    assert (count_parameters(network), counted(network, image).macs) == resnet(depth)


@pytest.mark.parametrize("depth", [56, 110, 164])
def test_bottleneck_resnets(depth: int) -> None:
    network, image = build(f"cifar_resnet{depth}_bottleneck", "none")
    assert (count_parameters(network), counted(network, image).macs) == resnet_bottleneck(depth)


@pytest.mark.parametrize("depth", range(8, 111, 6))
def test_preresnets_of_every_depth(depth: int) -> None:
    network, image = build(f"cifar_preresnet{depth}", "none")
    assert (count_parameters(network), counted(network, image).macs) == preactivation(depth)


@pytest.mark.parametrize("depth", [56, 110, 164])
def test_bottleneck_preresnets(depth: int) -> None:
    params, macs = resnet_bottleneck(depth)
    blocks = (depth - 2) // 9
    # The same convolutions. After them stood norms on c, c, 4c and, at a shortcut, 4c channels, and one on the stem;
    # before them stand norms on the input (16, then 4c), c and c, and one before the pool.
    after = 2 * (16 + sum(blocks * 6 * c + 4 * c for c in (16, 32, 64)))
    inputs = 16 + (blocks - 1) * 64 + 64 + (blocks - 1) * 128 + 128 + (blocks - 1) * 256
    before = 2 * (inputs + sum(blocks * 2 * c for c in (16, 32, 64)) + 256)
    network, image = build(f"cifar_preresnet{depth}_bottleneck", "none")
    assert (count_parameters(network), counted(network, image).macs) == (params - after + before, macs)


def resnet_ends(depth: int) -> list[int]:
    """Channels at the end of each block of an ImageNet ResNet with bottlenecks."""
    blocks = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}[depth]
    return [256 * 2**stage for stage, count in enumerate(blocks) for _ in range(count)]


MOBILENET_ENDS = [16, *[24] * 2, *[32] * 3, *[64] * 4, *[96] * 3, *[160] * 3, 320]
ENDS = {
    "resnet18": [64, 64, 128, 128, 256, 256, 512, 512],
    "resnet34": [*[64] * 3, *[128] * 4, *[256] * 6, *[512] * 3],
    "resnet50": resnet_ends(50),
    "resnext50_32x4d": resnet_ends(50),
    "resnet101": resnet_ends(101),
    "resnet152": resnet_ends(152),
    "mobilenet_v2": MOBILENET_ENDS,
    "cifar_mobilenet_v2": MOBILENET_ENDS,
    "cifar_resnet110": [*[16] * 18, *[32] * 18, *[64] * 18],
    "cifar_preresnet56": [*[16] * 9, *[32] * 9, *[64] * 9],
    "cifar_resnet164_bottleneck": [*[64] * 18, *[128] * 18, *[256] * 18],
    "cifar_preresnet164_bottleneck": [*[64] * 18, *[128] * 18, *[256] * 18],
    "wide_resnet28_10": [*[160] * 4, *[320] * 4, *[640] * 4],
}
"""Backbone → channels at the end of each block, from the papers' tables."""

ECA_SIZES = {16: 3, 24: 3, 32: 3, 64: 3, 96: 3, 128: 5, 160: 5, 256: 5, 320: 5, 512: 5, 640: 5, 1024: 5, 2048: 7}


def hidden(channels: int) -> int:
    return channels // 16


@pytest.mark.parametrize("name", ENDS)
@pytest.mark.parametrize(
    ("attention", "weights"),
    [
        ("se", lambda c: 2 * c * hidden(c)),
        # two layers with biases; 7 × 7 over two maps, and a norm's two
        ("cbam", lambda c: 2 * c * hidden(c) + hidden(c) + c + 98 + 2),
        ("eca", lambda c: ECA_SIZES[c]),
    ],
)
def test_what_each_module_adds_at_the_end_of_every_block(
    name: str, attention: str, weights: Callable[[int], int]
) -> None:
    plain, _ = build(name, "none")
    network, _ = build(name, attention)
    assert count_parameters(network) - count_parameters(plain) == sum(map(weights, ENDS[name]))


def wide(depth: int, k: int) -> tuple[int, int]:
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
    params, macs = wide(depth, k)
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
            hidden, before = width * expansion, side
            side //= stride if block == 0 else 1
            params += width * hidden + 9 * hidden + hidden * channels + 4 * hidden + 2 * channels
            macs += width * hidden * before**2 + (9 * hidden + hidden * channels) * side**2
            if (stride == 1 or block > 0) and width != channels:
                params, macs = params + width * channels + 2 * channels, macs + width * channels * side**2
            width = channels
    params, macs = params + 320 * 1280 + 2 * 1280 + 1280 * 10 + 10, macs + 320 * 1280 * side**2 + 1280 * 10
    network, image = build("cifar_mobilenet_v2", "none")
    assert (count_parameters(network), counted(network, image).macs) == (params, macs)


@pytest.mark.parametrize(
    "name", ["cifar_resnet8", "cifar_preresnet8", "cifar_mobilenet_v2", "cifar_resnet56_bottleneck"]
)
def test_classes_and_channels_are_options(name: str) -> None:
    network = BACKBONES.load(name)(num_classes=100, in_channels=1).eval()
    assert network(torch.randn(2, 1, 32, 32)).shape == (2, 100)


def test_options_of_imagenet_networks() -> None:
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
def test_depths_that_fit_no_blocks(path: str, options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BACKBONES.load(path)(**options)


def test_a_name_with_a_depth_does_not_take_another() -> None:
    assert count_parameters(BACKBONES.load("cifar_resnet20")()) == 272_474


@pytest.mark.parametrize("name", list(BACKBONES))
def test_both_places_are_one_where_the_registry_says_so(name: str) -> None:
    def places(place: str) -> tuple[str, ...]:
        with torch.device("meta"):
            return insert(BACKBONES.load(name)(), ATTENTION.load("simam"), place)

    assert (places("spatial") == places("branch_end")) == BACKBONES.get(name).one_place


def test_dropout_of_wide_resnets_lies_between_the_convolutions() -> None:
    torch.manual_seed(0)
    from simam.backbones.wide_resnet import WideBlock

    block, x = WideBlock(4, 4, 1, dropout=1.0), torch.randn(2, 4, 8, 8)
    assert torch.equal(block.train()(x), x)  # all of the branch is dropped before the second convolution


def test_basic_block_by_hand() -> None:
    from simam.backbones.cifar_resnet import BasicBlock

    block, x = BasicBlock(2, 4, 2).eval(), torch.randn(1, 2, 8, 8)
    f = nn.functional
    bn = (1 + 1e-5) ** -0.5  # a fresh norm in inference
    y = f.relu(f.conv2d(x, block.conv1.weight, stride=2, padding=1) * bn)
    y = f.conv2d(y, block.conv2.weight, padding=1) * bn
    torch.testing.assert_close(block(x), f.relu(y + f.conv2d(x, block.downsample[0].weight, stride=2) * bn))


def test_preactivation_shortcut_is_of_the_raw_input() -> None:
    from simam.backbones.cifar_preresnet import PreActBasicBlock

    block, x = PreActBasicBlock(2, 4, 2).eval(), torch.randn(1, 2, 8, 8)
    nn.init.zeros_(block.conv2.weight)
    torch.testing.assert_close(block(x), nn.functional.conv2d(x, block.downsample.weight, stride=2))


def test_wide_shortcut_is_of_the_activated_input() -> None:
    from simam.backbones.wide_resnet import WideBlock

    block, x = WideBlock(2, 4, 2, 0.0).eval(), torch.randn(1, 2, 8, 8)
    nn.init.zeros_(block.conv2.weight)
    active = nn.functional.relu(x * (1 + 1e-5) ** -0.5)
    torch.testing.assert_close(block(x), nn.functional.conv2d(active, block.downsample.weight, stride=2))
