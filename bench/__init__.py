"""Measure what attention modules cost and bring, in pairs and with intervals.

The Python face of ``python -m bench``; names are loaded on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.pairing import paired
    from bench.results.estimates import estimate
    from bench.results.frame import load_frame
    from bench.run.stored import compare

_HOMES = {
    "compare": "bench.run.stored",
    "estimate": "bench.results.estimates",
    "load_frame": "bench.results.frame",
    "paired": "bench.pairing",
}

__all__ = ["compare", "estimate", "load_frame", "paired"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'bench' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
