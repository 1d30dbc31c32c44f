import subprocess
import sys

import pytest
import torch
from timm.layers import create_attn

from simam.registry import ATTENTION, UnknownNameError


@pytest.mark.parametrize("name", ["se", "ese", "eca", "ecam", "ceca", "ge", "gc", "gca", "cbam", "lcbam", "sk"])
def test_layer_is_timms(name: str) -> None:
    module, x = ATTENTION.load(f"timm:{name}")(64), torch.randn(2, 64, 7, 7)
    assert type(module) is type(create_attn(name, 64))
    assert module(x).shape == x.shape


def test_options_are_timms() -> None:
    assert ATTENTION.load("timm:se")(64, rd_ratio=1 / 4, rd_divisor=1).fc1.out_channels == 16


def test_titles() -> None:
    assert ATTENTION.title("timm:se") == "SE (timm)"
    assert ATTENTION.title("timm:lcbam") == "LCBAM (timm)"
    assert ATTENTION.get("timm:se") is None


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("timm:ecan", "timm has no attention layer 'ecan'; did you mean 'eca.*'.* the choices are se, ese, eca"),
        ("timm:", "timm has no attention layer ''"),
        ("timm:simma", "timm has no attention layer 'simma'"),
    ],
)
def test_unknown_name_error(name: str, message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        ATTENTION.load(name)


def test_missing_timm_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm.layers", None)
    with pytest.raises(UnknownNameError, match=r"cannot load attention 'timm:se'.*pip install 'simam-bench\[timm\]'"):
        ATTENTION.load("timm:se")


def test_title_does_not_import_timm() -> None:
    code = (
        "import sys; from simam.registry import ATTENTION; ATTENTION.title('timm:se'); sys.exit('timm' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
