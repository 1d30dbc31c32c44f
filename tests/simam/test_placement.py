import pytest
import torch
from torch import nn

from simam import BACKBONES, PlacementError, SimAM, insert

# Blocks a network has, and the layers of design's table that its first block names.
RESNET18 = [f"layer{stage}.{block}" for stage in (1, 2, 3, 4) for block in (0, 1)]


def test_spatial_on_basic_blocks_follows_the_second_convolution() -> None:
    network = BACKBONES.load("resnet18")()
    assert insert(network, SimAM, "spatial") == tuple(f"{block}.conv2" for block in RESNET18)
    wrapped = network.get_submodule("layer1.0.conv2")
    assert [type(layer) for layer in wrapped.children()] == [nn.Conv2d, SimAM]
    assert "layer1.0.conv2.0.weight" in network.state_dict()


def test_branch_end_on_bottlenecks_follows_the_last_norm() -> None:
    network = BACKBONES.load("resnet50")()
    names = insert(network, SimAM, "branch_end")
    assert len(names) == 16 and names[0] == "layer1.0.bn3"


def test_spatial_on_bottlenecks_follows_the_3x3_convolution() -> None:
    network = BACKBONES.load("resnext50_32x4d")()
    names = insert(network, SimAM, "spatial")
    assert len(names) == 16
    assert all(network.get_submodule(name)[0].kernel_size == (3, 3) for name in names)


@pytest.mark.parametrize(
    ("placement", "first", "second"),
    [
        # The first block has expansion 1: depthwise, projection, BN. The others begin with an expansion.
        ("spatial", "features.1.conv.0.0", "features.2.conv.1.0"),
        ("branch_end", "features.1.conv.2", "features.2.conv.3"),
    ],
)
def test_inverted_residuals(placement: str, first: str, second: str) -> None:
    network = BACKBONES.load("mobilenet_v2")()
    names = insert(network, SimAM, placement)
    assert len(names) == 17 and names[:2] == (first, second)
    wrapped = network.get_submodule(second)[0]
    assert wrapped.groups == wrapped.in_channels if placement == "spatial" else isinstance(wrapped, nn.BatchNorm2d)


def test_modules_are_told_the_channels_of_their_layer() -> None:
    network, told = BACKBONES.load("resnet18")(), []

    def attention(channels: int) -> nn.Module:
        told.append(channels)
        return SimAM(channels)

    insert(network, attention, "spatial")
    assert told == [64, 64, 128, 128, 256, 256, 512, 512]


def test_glob_places_it_anywhere() -> None:
    network = BACKBONES.load("resnet18")()
    assert insert(network, SimAM, {"layers": "layer[1-2].*.conv1"}) == tuple(f"{b}.conv1" for b in RESNET18[:4])
    assert network(torch.randn(1, 3, 64, 64)).shape == (1, 1000)


@pytest.mark.parametrize(
    ("network", "placement", "message"),
    [
        (nn.Sequential(nn.Linear(2, 2)), "spatial", "Sequential has no block with a 'spatial' place"),
        (nn.Sequential(nn.Linear(2, 2)), {"layers": "conv*"}, r"Sequential has no layer that matches 'conv\*'"),
        (nn.Sequential(nn.ReLU()), {"layers": "0"}, "cannot tell the channels of '0'"),
        (nn.Sequential(nn.Linear(2, 2)), "middle", "the choices are spatial, branch_end"),
    ],
)
def test_refusals_name_what_is_missing(network: nn.Module, placement: object, message: str) -> None:
    with pytest.raises(PlacementError, match=message):
        insert(network, SimAM, placement)  # type: ignore[arg-type]


def test_nested_matches_are_refused() -> None:
    network = nn.Sequential(nn.Linear(2, 2))
    network[0].inner = nn.Linear(2, 2)
    with pytest.raises(PlacementError, match=r"'0.inner' lies inside '0', and both match"):
        insert(network, SimAM, {"layers": "0*"})


@pytest.mark.parametrize(
    ("name", "glob", "count"),
    [
        ("regnety_002", "s[1-4].*.conv2", 13),  # 1 + 1 + 4 + 7 blocks
        ("convnext_atto", "stages.*.conv_dw", 12),  # 2 + 2 + 6 + 2 blocks
        ("convnext_atto", "stages.*.[0-9].norm", 12),  # norms that tell their channels by their shape
        ("efficientnet_b0", "blocks.*.conv_dw", 16),
    ],
)
def test_glob_on_networks_never_seen(name: str, glob: str, count: int) -> None:
    timm = pytest.importorskip("timm")
    network = timm.create_model(name)
    from simam import SE

    found = insert(network, lambda channels: SE(channels, reduction=4), {"layers": glob})
    assert len(found) == count
    assert network.eval()(torch.randn(1, 3, 64, 64)).shape == (1, 1000)


def test_spatial_on_a_network_never_seen_is_refused_by_name() -> None:
    timm = pytest.importorskip("timm")
    with pytest.raises(PlacementError, match="ConvNeXt has no block with a 'spatial' place"):
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
def test_places_in_our_own_networks(name: str, spatial: str, branch_end: str) -> None:
    for place, expected in (("spatial", spatial), ("branch_end", branch_end)):
        with torch.device("meta"):
            network = BACKBONES.load(name)()
            assert insert(network, SimAM, place)[0] == expected
            assert network(torch.empty(2, 3, 32, 32)).shape == (2, 10)


def test_inserting_keeps_every_weight_of_the_plain_network() -> None:
    torch.manual_seed(3)
    plain = BACKBONES.load("resnet18")()
    torch.manual_seed(3)
    network = BACKBONES.load("resnet18")()
    insert(network, SimAM, "spatial")
    for ours, theirs in zip(network.parameters(), plain.parameters(), strict=True):
        assert torch.equal(ours, theirs)
