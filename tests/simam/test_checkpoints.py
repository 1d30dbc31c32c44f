from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from simam import BACKBONES, WeightsError, insert, load_weights
from simam.registry import ATTENTION


def network(backbone: str, attention: str, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    built = BACKBONES.load(backbone)(num_classes=10)
    if (place := ATTENTION.get(attention).placement) is not None:
        insert(built, ATTENTION.load(attention), place)
    return built


def authors_mobilenet(attention: str) -> nn.Module:
    """torchvision's MobileNetV2 with the module as the authors add it: entries of a Sequential, no wrapping."""
    torch.manual_seed(1)
    built = BACKBONES.load("mobilenet_v2")(num_classes=10)
    for block in (layer.conv for layer in built.features if hasattr(layer, "conv")):
        make = ATTENTION.load(attention)
        if attention == "simam":
            depthwise = block[-3]
            conv, norm, relu = depthwise
            block[len(block) - 3] = nn.Sequential(conv, make(conv.out_channels), norm, relu)
        else:
            block.append(make(block[-1].num_features))
    return built


def same(one: nn.Module, other: nn.Module) -> bool:
    image = torch.randn(1, 3, 64, 64)
    return torch.equal(one.eval()(image), other.eval()(image))


def save(content: object, path: Path) -> Path:
    torch.save(content, path)
    return path


@pytest.mark.parametrize("form", ["bare", "nested", "parallel", "nested and parallel"])
def test_the_forms_of_a_checkpoint(tmp_path: Path, form: str) -> None:
    saved, loaded = network("resnet18", "se", seed=1), network("resnet18", "se", seed=2)
    weights: dict[str, object] = dict(saved.state_dict())
    if "parallel" in form:
        weights = {f"module.{key}": value for key, value in weights.items()}
    if "nested" in form:
        weights = {"epoch": 90, "best_prec1": 71.3, "state_dict": weights}
    load_weights(loaded, save(weights, tmp_path / "w.pth"))
    assert same(saved, loaded)


def test_keys_of_the_authors_resnets() -> None:
    assert {"layer1.0.conv2.0.weight", "layer1.0.bn2.weight"} <= network("resnet18", "simam").state_dict().keys()
    assert {"layer1.0.bn2.0.weight", "layer1.0.bn2.1.fc.0.weight"} <= network("resnet18", "se").state_dict().keys()


@pytest.mark.parametrize("attention", ["simam", "se", "cbam"])
def test_the_authors_mobilenet_names_are_mapped(tmp_path: Path, attention: str) -> None:
    theirs, ours = authors_mobilenet(attention), network("mobilenet_v2", attention)
    keys = theirs.state_dict().keys()
    if attention == "simam":
        assert "features.2.conv.1.2.weight" in keys  # the norm of the depthwise convolution, one index on
    else:
        assert any(key.startswith("features.2.conv.4.") for key in keys)
    weights = {f"module.{key}": value for key, value in theirs.state_dict().items()}
    load_weights(ours, save({"state_dict": weights}, tmp_path / "w.pth"))
    assert same(theirs, ours)


def test_our_own_mobilenet_names_still_load(tmp_path: Path) -> None:
    saved, loaded = network("mobilenet_v2", "simam", seed=1), network("mobilenet_v2", "simam", seed=2)
    load_weights(loaded, save(saved.state_dict(), tmp_path / "w.pth"))
    assert same(saved, loaded)


def test_files_without_batch_counters_load(tmp_path: Path) -> None:
    saved, loaded = network("resnet18", "simam", seed=1), network("resnet18", "simam", seed=2)
    weights = {key: value for key, value in saved.state_dict().items() if "num_batches" not in key}
    load_weights(loaded, save(weights, tmp_path / "w.pth"))
    assert same(saved, loaded)


def test_a_mismatch_lists_keys_and_changes_nothing(tmp_path: Path) -> None:
    loaded = network("resnet18", "simam")
    before = {key: value.clone() for key, value in loaded.state_dict().items()}
    weights: dict[str, Tensor] = dict(network("resnet18", "none", seed=1).state_dict())
    weights["fc.weight"] = torch.zeros(7, 512)
    with pytest.raises(WeightsError) as caught:
        load_weights(loaded, save(weights, tmp_path / "w.pth"))
    message = str(caught.value)
    assert "missing keys: layer1.0.conv2.0.weight" in message
    assert "unexpected keys: layer1.0.conv2.weight" in message
    assert "wrong shapes: fc.weight is (7, 512) instead of (10, 512)" in message
    assert all(torch.equal(before[key], value) for key, value in loaded.state_dict().items())


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("code from a checkpoint",)


@pytest.mark.parametrize("content", [{"state_dict": {"a": 1}}, [1, 2], {"epoch": 1}, Evil()])
def test_files_that_hold_no_weights(tmp_path: Path, content: object, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(WeightsError, match=r"w\.pth: (holds no state dict|cannot be read as weights)"):
        load_weights(network("resnet18", "simam"), save(content, tmp_path / "w.pth"))
    assert capsys.readouterr().out == ""


def test_files_that_are_not_there_or_damaged(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be read as weights"):
        load_weights(network("resnet18", "simam"), tmp_path / "none.pth")
    (tmp_path / "cut.pth").write_bytes(save({"a": torch.zeros(100)}, tmp_path / "w.pth").read_bytes()[:300])
    with pytest.raises(WeightsError, match="cannot be read as weights"):
        load_weights(network("resnet18", "simam"), tmp_path / "cut.pth")
