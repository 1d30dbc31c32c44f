"""Checkpoints of the SimAM authors' code, by hand-written keys and, where BENCH_AUTHORS is set, by their own networks.

BENCH_AUTHORS is the folder of a clone of https://github.com/ZjjConan/SimAM.
"""

import io
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from simam import BACKBONES, insert, load_weights
from simam.backbones.cifar_preresnet import CifarPreResNet
from simam.backbones.cifar_resnet import CifarResNet
from simam.backbones.wide_resnet import WideResNet
from simam.registry import ATTENTION
from tests.simam import authors_keys

AUTHORS = os.environ.get("BENCH_AUTHORS")

IMAGENET = ("resnet18", "resnet50", "mobilenet_v2")
NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "cifar_resnet14": partial(CifarResNet, 14),
    "cifar_resnet20_bottleneck": partial(CifarResNet, 20, bottleneck=True),
    "cifar_preresnet14": partial(CifarPreResNet, 14),
    "cifar_preresnet20_bottleneck": partial(CifarPreResNet, 20, bottleneck=True),
    "wide_resnet16_2": partial(WideResNet, 16, 2),
    "cifar_mobilenet_v2": BACKBONES.load("cifar_mobilenet_v2"),
    **{name: BACKBONES.load(name) for name in IMAGENET},
}

pytestmark = [
    pytest.mark.parametrize("attention", ["none", "simam", "se", "cbam"]),
    pytest.mark.parametrize("name", NETWORKS),
]


def build_network(name: str, attention: str, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    network = NETWORKS[name](num_classes=10)
    if (placement := ATTENTION.get(attention).placement) is not None:
        insert(network, ATTENTION.load(attention), placement)
    return randomise(network)


def randomise(network: nn.Module) -> nn.Module:
    """Draw the norms and biases, which are initialised alike, so that exchanged layers change the output."""
    for tensor in network.state_dict().values():
        if tensor.dim() == 1:
            tensor.uniform_(0.5, 1.5)
    return network.eval()


def test_files_with_hand_written_keys(tmp_path: Path, name: str, attention: str) -> None:
    saved, loaded = build_network(name, attention, seed=1), build_network(name, attention, seed=2)
    keys = getattr(authors_keys, name)(attention)
    weights = dict(zip(keys, saved.state_dict().values(), strict=True))
    torch.save({"state_dict": weights}, tmp_path / "w.pth.tar")
    load_weights(loaded, tmp_path / "w.pth.tar")
    image = torch.randn(1, 3, 32, 32)
    assert torch.equal(saved(image), loaded(image))


@pytest.fixture(scope="module")
def authors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Any]]:
    """Import of a module of the authors' repository."""
    folder = tmp_path_factory.mktemp("authors")
    command = ["git", "-C", str(AUTHORS), "archive", "HEAD", "networks"]
    archive = subprocess.run(command, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield import_module


def build_authors_network(authors: Callable[[str], Any], name: str, attention: str) -> nn.Module:
    module = authors("networks.attentions").get_attention_module(attention)
    if name in IMAGENET:
        return authors("networks.imagenet").model_dict[name](num_classes=10, attention_module=module)
    block, resnet, preresnet = (authors(f"networks.cifar.{file}") for file in ("block", "resnet", "preresnet"))
    builders = {
        "cifar_resnet14": partial(resnet.ResNetWrapper, [2, 2, 2], block=block.BasicBlock),
        "cifar_resnet20_bottleneck": partial(resnet.ResNetWrapper, [2, 2, 2], block=block.BottleNect),
        "cifar_preresnet14": partial(preresnet.PreResNetWrapper, [2, 2, 2], block=block.PreBasicBlock),
        "cifar_preresnet20_bottleneck": partial(preresnet.PreResNetWrapper, [2, 2, 2], block=block.PreBottleNect),
        "wide_resnet16_2": partial(authors("networks.cifar.wideresnet").WideResNetWrapper, 16, 2, 0.3),
        "cifar_mobilenet_v2": authors("networks.cifar.mobilenetv2").MobileNetV2Wrapper,
    }
    return builders[name](num_class=10, attention_module=module)


@pytest.mark.skipif(AUTHORS is None, reason="BENCH_AUTHORS is not set")
def test_files_of_authors_networks(tmp_path: Path, authors: Callable[[str], Any], name: str, attention: str) -> None:
    torch.manual_seed(1)
    theirs = randomise(build_authors_network(authors, name, attention)).double()
    assert list(theirs.state_dict()) == list(getattr(authors_keys, name)(attention))
    torch.save({"state_dict": theirs.state_dict()}, tmp_path / "w.pth.tar")
    loaded = build_network(name, attention, seed=2).double()
    load_weights(loaded, tmp_path / "w.pth.tar")
    side = 64 if name in IMAGENET else 32  # at 32 px, the last maps of the ImageNet networks are too small for SimAM
    image = torch.randn(2, 3, side, side).double()
    torch.testing.assert_close(loaded(image), theirs(image), atol=1e-6, rtol=1e-6)
