"""SimAM, the attention modules it is compared with, their placement in a network, and backbone networks.

Public names are imported on first use (PEP 562), so ``import simam`` is fast and does not import torch. It still
suffices for ``torch.export.load`` of a program with this package's operator.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from simam.torch_export import register_operator_before_load

if TYPE_CHECKING:
    from simam.attention.bam import BAM
    from simam.attention.cbam import CBAM
    from simam.attention.coordinate import CoordinateAttention
    from simam.attention.eca import ECA
    from simam.attention.ela import ELA
    from simam.attention.ema import EMA
    from simam.attention.gam import GAM
    from simam.attention.gc import GC
    from simam.attention.gct import GCT
    from simam.attention.ge import GE
    from simam.attention.mca import MCA
    from simam.attention.nam import NAM
    from simam.attention.scsa import SCSA
    from simam.attention.se import SE
    from simam.attention.shuffle import ShuffleAttention
    from simam.attention.simam import SimAM
    from simam.attention.sk import SK
    from simam.attention.srm import SRM
    from simam.attention.triplet import TripletAttention
    from simam.checkpoints import WeightsError, load_weights
    from simam.functional import simam
    from simam.placement import PlacementError, insert
    from simam.registry import ATTENTION, BACKBONES, UnknownNameError

_DEFINING_MODULES = {
    "CBAM": "simam.attention.cbam",
    "ECA": "simam.attention.eca",
    "GC": "simam.attention.gc",
    "SRM": "simam.attention.srm",
    "BAM": "simam.attention.bam",
    "GE": "simam.attention.ge",
    "SK": "simam.attention.sk",
    "TripletAttention": "simam.attention.triplet",
    "CoordinateAttention": "simam.attention.coordinate",
    "ShuffleAttention": "simam.attention.shuffle",
    "NAM": "simam.attention.nam",
    "GAM": "simam.attention.gam",
    "GCT": "simam.attention.gct",
    "EMA": "simam.attention.ema",
    "ELA": "simam.attention.ela",
    "SCSA": "simam.attention.scsa",
    "MCA": "simam.attention.mca",
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
    "BAM",
    "CBAM",
    "ECA",
    "ELA",
    "EMA",
    "GAM",
    "GC",
    "GCT",
    "GE",
    "MCA",
    "NAM",
    "SCSA",
    "SE",
    "SK",
    "SRM",
    "CoordinateAttention",
    "PlacementError",
    "ShuffleAttention",
    "SimAM",
    "TripletAttention",
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
