"""Executions of a network, one per file. Each file has a function ``prepare(call) -> Ready``."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from bench.store.record import Value


@dataclass(frozen=True)
class Ready:
    """A call whose first iteration can be timed.

    Args:
        call: one iteration.
        values: values measured during preparation.
        settings: further settings to record.
    """

    call: Callable[[], Tensor]
    values: tuple[Value, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
