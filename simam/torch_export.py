"""Registration of the fused operator in time for ``torch.export.load``, without an import of torch before that.

A saved program names ``simam::simam``, which importing :mod:`simam.kernels` registers. torch offers no hook for
operators that it does not know, but it imports the module that reads saved programs when it needs it first.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType

_READER = "torch.export.pt2_archive"
"""Module that ``torch.export.load`` imports before it resolves operators, and that ``import torch`` does not import."""


class _RegisteringFinder:
    """Finder that finds nothing, but registers the operator when torch imports its reader of saved programs."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == _READER:
            sys.meta_path.remove(self)
            _register_operator()
        return None


def register_operator_before_load() -> None:
    """Register the operator as soon as torch can load saved programs: now, or when it imports its reader."""
    if _READER in sys.modules:
        _register_operator()
    else:
        sys.meta_path.insert(0, _RegisteringFinder())


def _register_operator() -> None:
    import_module("simam.kernels")
