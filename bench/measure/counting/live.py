"""What a program holds in memory while it runs: bytes of all tensors that are alive, followed at torch's dispatcher."""

import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from bench.measure.counting.calls import Cost
from bench.measure.counting.counter import Watch

KINDS = ("parameters", "state", "gradients", "activations", "temporaries")
"""Of what is alive: parameters and buffers; what else was there before the call, such as momentum and targets; what
ends up as a parameter's gradient; the input and what autograd keeps for backward; everything else."""


@dataclass(frozen=True)
class Peak:
    """The most that was alive at a time.

    Args:
        total: bytes.
        shares: bytes by kind, see :data:`KINDS`; they add up to ``total``.
    """

    total: int
    shares: Mapping[str, int]


@dataclass
class _Storage:
    size: int
    kind: str


class Live(Watch):
    """Follows every storage from the operator that makes it to its end.

    What an operator needs inside itself and gives back before it ends is not seen.

    Args:
        parameters: with the buffers.
        inputs: what the program is given.
    """

    def __init__(self, parameters: Iterable[Tensor], inputs: Tensor) -> None:
        super().__init__()
        self._alive: dict[int, tuple[_Storage, Any]] = {}
        self._standing: list[_Storage] = []
        self._events: list[tuple[_Storage, bool]] = []
        self._parameters = list(parameters)
        self._hooks = saved_tensors_hooks(self._keep, lambda tensor: tensor)
        for tensor in self._parameters:
            self._found(tensor, "parameters")
        self._found(inputs, "activations")

    def __enter__(self) -> "Live":
        super().__enter__()
        self._hooks.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._hooks.__exit__(*exception)
        super().__exit__(*exception)

    def before(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        for tensor in _tensors((args, tuple(kwargs.values()))):
            self._found(tensor, "state")

    def after(self, name: str, known: bool, cost: Cost, out: Any) -> None:
        for tensor in _tensors((out,)):
            if self._known(tensor) is None:
                storage = self._follow(tensor, "temporaries")
                self._events.append((storage, True))

    def peak(self) -> Peak:
        """The peak of what has run so far; to be asked while the parameters still have their gradients."""
        for parameter in self._parameters:
            if parameter.grad is not None and (storage := self._known(parameter.grad)):
                storage.kind = "gradients"
        now = dict.fromkeys(KINDS, 0)
        for storage in self._standing:
            now[storage.kind] += storage.size
        best, highest = dict(now), sum(now.values())
        total = highest
        for storage, begins in self._events:
            change = storage.size if begins else -storage.size
            now[storage.kind] += change
            total += change
            if total > highest:
                best, highest = dict(now), total
        return Peak(highest, best)

    def _keep(self, tensor: Tensor) -> Tensor:
        """Told by autograd of a tensor that it keeps for backward."""
        storage = self._found(tensor, "state")
        if storage.kind == "temporaries":
            storage.kind = "activations"
        return tensor

    def _found(self, tensor: Tensor, kind: str) -> _Storage:
        """The storage of a tensor; one that no operator has made was there before."""
        storage = self._known(tensor)
        if storage is None:
            storage = self._follow(tensor, kind)
            self._standing.append(storage)
        return storage

    def _known(self, tensor: Tensor) -> _Storage | None:
        entry = self._alive.get(tensor.untyped_storage()._cdata)
        return entry[0] if entry else None

    def _follow(self, tensor: Tensor, kind: str) -> _Storage:
        held = tensor.untyped_storage()
        storage, address = _Storage(held.nbytes(), kind), held._cdata

        def ends(reference: object) -> None:
            self._events.append((storage, False))
            del self._alive[address]

        # Python's object of a storage lives exactly as long as the storage itself.
        self._alive[address] = storage, weakref.ref(held, ends)
        return storage


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)
