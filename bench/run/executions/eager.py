"""Eager execution: torch runs the call operator by operator."""

from collections.abc import Callable

from torch import Tensor

from bench.run.executions import Ready


def prepare(call: Callable[[], Tensor]) -> Ready:
    """Return the call unchanged."""
    return Ready(call)
