"""Peak memory of a program: the bytes of all live tensors, tracked at torch's dispatcher."""

import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from bench.measure.counting.calls import Cost
from bench.measure.counting.dispatch import OperatorObserver

MEMORY_CATEGORIES = ("parameters", "state", "gradients", "activations", "temporaries")
"""Categories of live memory. Parameters include buffers. State is everything else that existed before the call, such as
momentum and targets. Gradients are those of parameters. Activations are the input and the tensors that autograd saves
for backward. Temporaries are all other tensors."""


@dataclass(frozen=True)
class PeakMemory:
    """Peak memory of one call.

    Args:
        total: bytes.
        shares: bytes by category, see :data:`MEMORY_CATEGORIES`; they add up to ``total``.
    """

    total: int
    shares: Mapping[str, int]


@dataclass
class _Storage:
    size: int
    category: str


class PeakCounter(OperatorObserver):
    """Context manager that tracks every storage from its allocation to its release.

    Buffers that an operator allocates and releases internally are not counted.

    Args:
        parameters: parameters and buffers of the network.
        inputs: input of the program.
    """

    def __init__(self, parameters: Iterable[Tensor], inputs: Tensor) -> None:
        super().__init__()
        self._live: dict[int, tuple[_Storage, Any]] = {}
        self._initial: list[_Storage] = []
        self._events: list[tuple[_Storage, bool]] = []
        self._parameters = list(parameters)
        self._hooks = saved_tensors_hooks(self._pack, lambda tensor: tensor)
        for tensor in self._parameters:
            self._existing_storage(tensor, "parameters")
        self._existing_storage(inputs, "activations")

    def __enter__(self) -> "PeakCounter":
        super().__enter__()
        self._hooks.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._hooks.__exit__(*exception)
        super().__exit__(*exception)

    def before_operator(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        for tensor in _tensors((args, tuple(kwargs.values()))):
            self._existing_storage(tensor, "state")

    def after_operator(self, name: str, in_table: bool, cost: Cost, out: Any) -> None:
        for tensor in _tensors((out,)):
            if self._tracked_storage(tensor) is None:
                storage = self._track(tensor, "temporaries")
                self._events.append((storage, True))

    def peak(self) -> PeakMemory:
        """Return the peak so far. Call it while the parameters still have their gradients."""
        for parameter in self._parameters:
            if parameter.grad is not None and (storage := self._tracked_storage(parameter.grad)):
                storage.category = "gradients"
        current = dict.fromkeys(MEMORY_CATEGORIES, 0)
        for storage in self._initial:
            current[storage.category] += storage.size
        shares, highest = dict(current), sum(current.values())
        total = highest
        for storage, allocated in self._events:
            change = storage.size if allocated else -storage.size
            current[storage.category] += change
            total += change
            if total > highest:
                shares, highest = dict(current), total
        return PeakMemory(highest, shares)

    def _pack(self, tensor: Tensor) -> Tensor:
        """Classify a tensor that autograd saves for backward."""
        storage = self._existing_storage(tensor, "state")
        if storage.category == "temporaries":
            storage.category = "activations"
        return tensor

    def _existing_storage(self, tensor: Tensor, category: str) -> _Storage:
        """Return the storage of a tensor; an untracked one existed before the program and gets the given category."""
        storage = self._tracked_storage(tensor)
        if storage is None:
            storage = self._track(tensor, category)
            self._initial.append(storage)
        return storage

    def _tracked_storage(self, tensor: Tensor) -> _Storage | None:
        entry = self._live.get(tensor.untyped_storage()._cdata)
        return entry[0] if entry else None

    def _track(self, tensor: Tensor, category: str) -> _Storage:
        untyped = tensor.untyped_storage()
        storage, address = _Storage(untyped.nbytes(), category), untyped._cdata

        def on_release(reference: object) -> None:
            self._events.append((storage, False))
            del self._live[address]

        # The Python object of a storage has exactly the lifetime of the storage itself.
        self._live[address] = storage, weakref.ref(untyped, on_release)
        return storage


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    """Yield all tensors in nested lists and tuples."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)
