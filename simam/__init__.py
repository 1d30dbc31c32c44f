"""SimAM, the attention modules it is compared with, their placement in a network, and backbone networks.

Public names are imported on first use (PEP 562), so ``import simam`` is fast and does not import torch. It still
suffices for ``torch.export.load`` of a program with this package's operator.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from simam.torch_export import register_operator_before_load

if TYPE_CHECKING:
    from simam.attention.cbam import CBAM
    from simam.attention.eca import ECA
    from simam.attention.se import SE
    from simam.attention.simam import SimAM
    from simam.checkpoints import WeightsError, load_weights
    from simam.functional import simam
    from simam.placement import PlacementError, insert
    from simam.registry import ATTENTION, BACKBONES, UnknownNameError

_DEFINING_MODULES = {
    "CBAM": "simam.attention.cbam",
    "ECA": "simam.attention.eca",
    "SE": "simam.attention.se",
    "WeightsError": "simam.checkpoints",
    "load_weights": "simam.checkpoints",
    "SimAM": "simam.attention.simam",
    "simam": "simam.functional",
    "insert": "simam.placement",
    "PlacementError": "simam.placement",
    "ATTENTION": "simam.registry",
    "BACKBONES": "simam.registry",
    "UnknownNameError": "simam.registry",
}

__all__ = [
    "ATTENTION",
    "BACKBONES",
    "CBAM",
    "ECA",
    "SE",
    "PlacementError",
    "SimAM",
    "UnknownNameError",
    "WeightsError",
    "insert",
    "load_weights",
    "simam",
]

register_operator_before_load()


def __getattr__(name: str) -> Any:
    if name not in _DEFINING_MODULES:
        raise AttributeError(f"module 'simam' has no attribute {name!r}")
    return getattr(import_module(_DEFINING_MODULES[name]), name)


def __dir__() -> list[str]:
    return __all__
