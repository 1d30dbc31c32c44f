from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from simam import BACKBONES, WeightsError, insert, load_weights
from simam.registry import ATTENTION


def build_network(backbone: str, attention: str, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    model = BACKBONES.load(backbone)(num_classes=10)
    if (placement := ATTENTION.get(attention).placement) is not None:
        insert(model, ATTENTION.load(attention), placement)
    return model


def build_authors_mobilenet(attention: str) -> nn.Module:
    """torchvision's MobileNetV2 with modules as entries of its Sequentials and no dropout, as in the authors' code."""
    torch.manual_seed(1)
    model = BACKBONES.load("mobilenet_v2")(num_classes=10)
    for block in (layer.conv for layer in model.features if hasattr(layer, "conv")):
        build_attention = ATTENTION.load(attention)
        if attention == "simam":
            depthwise = block[-3]
            conv, norm, relu = depthwise
            block[len(block) - 3] = nn.Sequential(conv, build_attention(conv.out_channels), norm, relu)
        else:
            block.append(build_attention(block[-1].num_features))
    model.classifier = nn.Sequential(model.classifier[1])
    return model


def same_output(one: nn.Module, other: nn.Module) -> bool:
    """Whether two networks give the same output for a random image."""
    image = torch.randn(1, 3, 64, 64)
    return torch.equal(one.eval()(image), other.eval()(image))


def save(content: object, path: Path) -> Path:
    torch.save(content, path)
    return path


@pytest.mark.parametrize("file_format", ["bare", "nested", "parallel", "nested and parallel"])
def test_checkpoint_formats(tmp_path: Path, file_format: str) -> None:
    saved, loaded = build_network("resnet18", "se", seed=1), build_network("resnet18", "se", seed=2)
    weights: dict[str, object] = dict(saved.state_dict())
    if "parallel" in file_format:
        weights = {f"module.{key}": value for key, value in weights.items()}
    if "nested" in file_format:
        weights = {"epoch": 90, "best_prec1": 71.3, "state_dict": weights}
    load_weights(loaded, save(weights, tmp_path / "w.pth"))
    assert same_output(saved, loaded)


@pytest.mark.parametrize("attention", ["simam", "se"])
def test_authors_mobilenet_keys_are_mapped(tmp_path: Path, attention: str) -> None:
    authors, network = build_authors_mobilenet(attention), build_network("mobilenet_v2", attention)
    keys = authors.state_dict().keys()
    if attention == "simam":
        assert "features.2.conv.1.2.weight" in keys  # batch norm of the depthwise convolution, behind SimAM
    else:
        assert any(key.startswith("features.2.conv.4.") for key in keys)
    weights = {f"module.{key}": value for key, value in authors.state_dict().items()}
    load_weights(network, save({"state_dict": weights}, tmp_path / "w.pth"))
    assert same_output(authors, network)


def test_mobilenet_keys_of_insert_load(tmp_path: Path) -> None:
    saved, loaded = build_network("mobilenet_v2", "simam", seed=1), build_network("mobilenet_v2", "simam", seed=2)
    load_weights(loaded, save(saved.state_dict(), tmp_path / "w.pth"))
    assert same_output(saved, loaded)


def test_checkpoint_without_batch_counters(tmp_path: Path) -> None:
    saved, loaded = build_network("resnet18", "simam", seed=1), build_network("resnet18", "simam", seed=2)
    weights = {key: value for key, value in saved.state_dict().items() if "num_batches" not in key}
    load_weights(loaded, save(weights, tmp_path / "w.pth"))
    assert same_output(saved, loaded)


def test_buffers_of_thop_are_ignored(tmp_path: Path) -> None:
    saved, loaded = build_network("resnet18", "se", seed=1), build_network("resnet18", "se", seed=2)
    weights = dict(saved.state_dict())
    for layer in ("", "conv1.", "layer1.0.bn2.1.fc.0."):
        weights |= {f"module.{layer}total_ops": torch.zeros(1), f"module.{layer}total_params": torch.zeros(1)}
    load_weights(loaded, save(weights, tmp_path / "w.pth"))
    assert same_output(saved, loaded)
    with pytest.raises(WeightsError, match=r"unexpected keys: conv1\.total_flops$"):
        load_weights(loaded, save({**weights, "conv1.total_flops": torch.zeros(1)}, tmp_path / "w.pth"))


def test_buffer_of_network_with_a_name_of_thop(tmp_path: Path) -> None:
    network = build_network("cifar_resnet8", "none")
    network.register_buffer("total_ops", torch.zeros(1))
    weights = {**network.state_dict(), "total_ops": torch.ones(1)}
    load_weights(network, save(weights, tmp_path / "w.pth"))
    assert network.total_ops == 1


@pytest.mark.parametrize("authors", [False, True])
def test_mismatch_is_reported_in_names_of_the_file(tmp_path: Path, authors: bool) -> None:
    network = build_network("cifar_resnet8", "none")
    weights = dict(network.state_dict())
    if authors:
        weights = {key.replace("downsample", "shortcut").replace("fc.", "linear."): weights[key] for key in weights}
    linear = "linear" if authors else "fc"
    del weights[f"{linear}.bias"]
    with pytest.raises(WeightsError, match=rf"CifarResNet: missing keys: {linear}\.bias$"):
        load_weights(network, save(weights, tmp_path / "w.pth"))


def test_mismatch_lists_keys_and_leaves_network_unchanged(tmp_path: Path) -> None:
    loaded = build_network("resnet18", "simam")
    before = {key: value.clone() for key, value in loaded.state_dict().items()}
    weights: dict[str, Tensor] = dict(build_network("resnet18", "none", seed=1).state_dict())
    weights["fc.weight"] = torch.zeros(7, 512)
    with pytest.raises(WeightsError) as raised:
        load_weights(loaded, save(weights, tmp_path / "w.pth"))
    message = str(raised.value)
    assert "missing keys: layer1.0.conv2.0.weight" in message
    assert "unexpected keys: layer1.0.conv2.weight" in message
    assert "wrong shapes: fc.weight is (7, 512) instead of (10, 512)" in message
    assert all(torch.equal(before[key], value) for key, value in loaded.state_dict().items())


class PicklesCode:
    """Object whose pickle calls a function when it is loaded."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("code from a checkpoint",)


@pytest.mark.parametrize("content", [{"state_dict": {"a": 1}}, [1, 2], {"epoch": 1}, PicklesCode()])
def test_files_without_weights(tmp_path: Path, content: object, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(WeightsError, match=r"w\.pth: (contains no state dict|cannot be read as weights)"):
        load_weights(build_network("resnet18", "simam"), save(content, tmp_path / "w.pth"))
    assert capsys.readouterr().out == ""


def test_missing_and_truncated_files(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be read as weights"):
        load_weights(build_network("resnet18", "simam"), tmp_path / "missing.pth")
    (tmp_path / "truncated.pth").write_bytes(save({"a": torch.zeros(100)}, tmp_path / "w.pth").read_bytes()[:300])
    with pytest.raises(WeightsError, match="cannot be read as weights"):
        load_weights(build_network("resnet18", "simam"), tmp_path / "truncated.pth")
