import subprocess
import sys
from pathlib import Path

import pytest

import simam
from simam.registry import ATTENTION, BACKBONES, UnknownNameError


def test_importing_simam_does_not_import_torch() -> None:
    code = "import sys, simam; simam.ATTENTION; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_public_names() -> None:
    assert all(getattr(simam, name) is not None for name in simam.__all__)
    with pytest.raises(AttributeError, match="no attribute 'SimMA'"):
        simam.SimMA  # noqa: B018


@pytest.mark.parametrize("registry", [ATTENTION, BACKBONES])
def test_every_entry_loads(registry: simam.registry.Registry) -> None:
    assert all(callable(registry.load(name)) for name in registry)


def test_path_of_user_class() -> None:
    assert ATTENTION.load("torch.nn:Identity").__name__ == "Identity"
    assert ATTENTION.get("torch.nn:Identity") is None


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("simma", "did you mean 'simam'"),
        ("zzz", "the choices are none, simam"),
        ("no.such:Thing", "No module named 'no'"),
        ("torch.nn:Thing", "has no attribute 'Thing'"),
        (":", "cannot load attention ':'"),
    ],
)
def test_unknown_name_errors(name: str, message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        ATTENTION.load(name)


def test_titles() -> None:
    assert ATTENTION.title("simam") == "SimAM"
    assert ATTENTION.title("my.modules:Better") == "Better"
    assert ATTENTION.title("my.modules:SE") == "my.modules:SE"  # SE is the title of a registered entry


def test_class_and_channel_options_of_torchvision_networks() -> None:
    import torch

    network = BACKBONES.load("resnet18")(num_classes=7, in_channels=1)
    assert network(torch.randn(2, 1, 32, 32)).shape == (2, 7)


def test_module_that_ends_the_interpreter_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ending.py").write_text("raise SystemExit(2)\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UnknownNameError, match=r"ending ended the interpreter .* \(SystemExit: 2\)"):
        ATTENTION.load("ending:Mine")
