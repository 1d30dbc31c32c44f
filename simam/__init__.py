"""SimAM and the attention modules it is compared with, where they go, and the networks they go into.

Public names are loaded on first use (PEP 562), so ``import simam`` costs nothing and does not import torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simam.attention.simam import SimAM
    from simam.functional import simam
    from simam.placement import PlacementError, insert
    from simam.registry import ATTENTION, BACKBONES, UnknownName

_HOMES = {
    "SimAM": "simam.attention.simam",
    "simam": "simam.functional",
    "insert": "simam.placement",
    "PlacementError": "simam.placement",
    "ATTENTION": "simam.registry",
    "BACKBONES": "simam.registry",
    "UnknownName": "simam.registry",
}

__all__ = ["ATTENTION", "BACKBONES", "PlacementError", "SimAM", "UnknownName", "insert", "simam"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'simam' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
