"""Measure the cost and the accuracy gain of attention modules, with confidence intervals from paired samples.

The Python interface of ``python -m bench``; names are loaded on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.pairing import paired
    from bench.report.comparison import compare_runs, compare_sides
    from bench.report.writer import build_report
    from bench.results.estimates import estimate
    from bench.store.frame import load_frame
    from bench.store.stored_run import StoredRun

_MODULES = {
    "StoredRun": "bench.store.stored_run",
    "build_report": "bench.report.writer",
    "compare_runs": "bench.report.comparison",
    "compare_sides": "bench.report.comparison",
    "estimate": "bench.results.estimates",
    "load_frame": "bench.store.frame",
    "paired": "bench.pairing",
}
"""Public name → the module that defines it."""

__all__ = ["StoredRun", "build_report", "compare_runs", "compare_sides", "estimate", "load_frame", "paired"]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'bench' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return __all__
