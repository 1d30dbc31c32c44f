import pytest
import torch
from torch import nn

from simam import BACKBONES, PlacementError, SimAM, insert

RESNET18_BLOCKS = [f"layer{stage}.{block}" for stage in (1, 2, 3, 4) for block in (0, 1)]


def test_spatial_in_basic_blocks() -> None:
    network = BACKBONES.load("resnet18")()
    assert insert(network, SimAM, "spatial") == tuple(f"{block}.conv2" for block in RESNET18_BLOCKS)
    wrapped = network.get_submodule("layer1.0.conv2")
    assert [type(layer) for layer in wrapped.children()] == [nn.Conv2d, SimAM]
    assert "layer1.0.conv2.0.weight" in network.state_dict()


def test_branch_end_in_bottlenecks() -> None:
    network = BACKBONES.load("resnet50")()
    names = insert(network, SimAM, "branch_end")
    assert len(names) == 16 and names[0] == "layer1.0.bn3"


def test_spatial_in_bottlenecks() -> None:
    network = BACKBONES.load("resnext50_32x4d")()
    names = insert(network, SimAM, "spatial")
    assert len(names) == 16
    assert all(network.get_submodule(name)[0].kernel_size == (3, 3) for name in names)


@pytest.mark.parametrize(
    ("placement", "first", "second"),
    [
        # The first block has expansion ratio 1: depthwise, projection, BN. The other blocks begin with an expansion.
        ("spatial", "features.1.conv.0.0", "features.2.conv.1.0"),
        ("branch_end", "features.1.conv.2", "features.2.conv.3"),
    ],
)
def test_placements_in_inverted_residuals(placement: str, first: str, second: str) -> None:
    network = BACKBONES.load("mobilenet_v2")()
    names = insert(network, SimAM, placement)
    assert len(names) == 17 and names[:2] == (first, second)
    wrapped = network.get_submodule(second)[0]
    assert wrapped.groups == wrapped.in_channels if placement == "spatial" else isinstance(wrapped, nn.BatchNorm2d)


def test_modules_receive_channels_of_their_layer() -> None:
    network, received = BACKBONES.load("resnet18")(), []

    def attention(channels: int) -> nn.Module:
        received.append(channels)
        return SimAM(channels)

    insert(network, attention, "spatial")
    assert received == [64, 64, 128, 128, 256, 256, 512, 512]


def test_placement_by_layer_glob() -> None:
    network = BACKBONES.load("resnet18")()
    assert insert(network, SimAM, {"layers": "layer[1-2].*.conv1"}) == tuple(f"{b}.conv1" for b in RESNET18_BLOCKS[:4])
    assert network(torch.randn(1, 3, 64, 64)).shape == (1, 1000)


@pytest.mark.parametrize(
    ("network", "placement", "message"),
    [
        (nn.Sequential(nn.Linear(2, 2)), "spatial", "Sequential has no block with the placement 'spatial'"),
        (nn.Sequential(nn.Linear(2, 2)), {"layers": "conv*"}, r"Sequential has no layer that matches 'conv\*'"),
        (nn.Sequential(nn.ReLU()), {"layers": "0"}, "cannot determine the number of channels of '0'"),
        (nn.Sequential(nn.Linear(2, 2)), "middle", "the choices are spatial, branch_end"),
    ],
)
def test_placement_errors(network: nn.Module, placement: object, message: str) -> None:
    with pytest.raises(PlacementError, match=message):
        insert(network, SimAM, placement)  # type: ignore[arg-type]


def test_nested_matches_error() -> None:
    network = nn.Sequential(nn.Linear(2, 2))
    network[0].inner = nn.Linear(2, 2)
    with pytest.raises(PlacementError, match=r"'0.inner' lies inside '0', and both match"):
        insert(network, SimAM, {"layers": "0*"})


@pytest.mark.parametrize(
    ("name", "glob", "count"),
    [
        ("regnety_002", "s[1-4].*.conv2", 13),  # 1 + 1 + 4 + 7 blocks
        ("convnext_atto", "stages.*.conv_dw", 12),  # 2 + 2 + 6 + 2 blocks
        ("convnext_atto", "stages.*.[0-9].norm", 12),  # layer norms, whose number of channels is their shape
        ("efficientnet_b0", "blocks.*.conv_dw", 16),
    ],
)
def test_layer_glob_in_timm_networks(name: str, glob: str, count: int) -> None:
    timm = pytest.importorskip("timm")
    network = timm.create_model(name)
    from simam import SE

    names = insert(network, lambda channels: SE(channels, reduction=4), {"layers": glob})
    assert len(names) == count
    assert network.eval()(torch.randn(1, 3, 64, 64)).shape == (1, 1000)


def test_named_placement_needs_supported_blocks() -> None:
    timm = pytest.importorskip("timm")
    with pytest.raises(PlacementError, match="ConvNeXt has no block with the placement 'spatial'"):
        insert(timm.create_model("convnext_atto"), SimAM, "spatial")


@pytest.mark.parametrize(
    ("name", "spatial", "branch_end"),
    [
        ("cifar_resnet8", "layer1.0.conv2", "layer1.0.bn2"),
        ("cifar_resnet56_bottleneck", "layer1.0.conv2", "layer1.0.bn3"),
        ("cifar_preresnet8", "layer1.0.conv2", "layer1.0.conv2"),
        ("cifar_preresnet56_bottleneck", "layer1.0.conv2", "layer1.0.conv3"),
        ("wide_resnet28_10", "layer1.0.conv2", "layer1.0.conv2"),
        ("cifar_mobilenet_v2", "layers.0.conv2", "layers.0.bn3"),
    ],
)
def test_placements_in_cifar_networks(name: str, spatial: str, branch_end: str) -> None:
    for placement, expected in (("spatial", spatial), ("branch_end", branch_end)):
        with torch.device("meta"):
            network = BACKBONES.load(name)()
            assert insert(network, SimAM, placement)[0] == expected
            assert network(torch.empty(2, 3, 32, 32)).shape == (2, 10)


def test_insert_keeps_weights() -> None:
    torch.manual_seed(3)
    plain = BACKBONES.load("resnet18")()
    torch.manual_seed(3)
    network = BACKBONES.load("resnet18")()
    insert(network, SimAM, "spatial")
    for weight, plain_weight in zip(network.parameters(), plain.parameters(), strict=True):
        assert torch.equal(weight, plain_weight)


def test_layer_with_two_names_gets_a_module_under_each() -> None:
    shared = nn.Conv2d(4, 4, 1)
    network = nn.Sequential(nn.Conv2d(3, 4, 1), shared, nn.ReLU(), shared)
    assert insert(network, lambda channels: nn.Identity(), {"layers": "[13]"}) == ("1", "3")
    one, other = network[1], network[3]
    assert one[0] is other[0] is shared and one[1] is not other[1]


def test_block_with_two_names_gets_one_module() -> None:
    block = nn.Sequential(nn.Conv2d(3, 3, 1))
    network = nn.Sequential(block, block)
    assert insert(network, lambda channels: nn.Identity(), {"layers": "*.0"}) == ("0.0",)
    assert isinstance(network[1][0][1], nn.Identity) and isinstance(network[1][0][0], nn.Conv2d)
