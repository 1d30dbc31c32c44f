"""The global settings of torch that a module under test may change, and their restoration."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import torch


@dataclass(frozen=True)
class TorchState:
    """Global settings of torch.

    Args:
        gradients: whether autograd records operators.
        dtype: default floating-point type.
        threads: number of CPU threads.
        autocast: whether autocast is on for the CPU.
        deterministic: whether torch refuses nondeterministic algorithms.
    """

    gradients: bool
    dtype: torch.dtype
    threads: int
    autocast: bool
    deterministic: bool

    @classmethod
    def now(cls) -> "TorchState":
        """The current settings."""
        return cls(
            torch.is_grad_enabled(),
            torch.get_default_dtype(),
            torch.get_num_threads(),
            torch.is_autocast_enabled("cpu"),
            torch.are_deterministic_algorithms_enabled(),
        )

    def restore(self) -> None:
        """Make these the current settings."""
        torch.set_grad_enabled(self.gradients)
        torch.set_default_dtype(self.dtype)
        if torch.get_num_threads() != self.threads:
            torch.set_num_threads(self.threads)
        torch.set_autocast_enabled("cpu", self.autocast)
        torch.use_deterministic_algorithms(self.deterministic)

    def changes_since(self, before: "TorchState") -> list[str]:
        """A phrase for each setting that differs: "gradients from True to False"."""
        pairs: list[tuple[str, Any, Any]] = [
            (field.name, getattr(before, field.name), getattr(self, field.name)) for field in fields(self)
        ]
        return [f"{name} from {old} to {new}" for name, old, new in pairs if old != new]


@contextmanager
def restored_torch_state() -> Iterator[list[str]]:
    """Restore the settings at the end; the list then has a phrase for each setting that was changed."""
    before, changes = TorchState.now(), []  # type: tuple[TorchState, list[str]]
    try:
        yield changes
    finally:
        if (after := TorchState.now()) != before:
            changes += after.changes_since(before)
            before.restore()
