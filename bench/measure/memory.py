"""What training keeps: bytes that autograd holds between forward and backward. Exact."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bench.measure import Outcome, Subject, require_finite
from bench.results.record import Value

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Memory:
    """``saved_bytes`` of one forward pass in training mode, one subject at a time."""

    axes: ClassVar = frozenset({"backbone", "attention", "placement", "batch", "resolution", "dtype", "memory_format"})
    gates: ClassVar = ("saved_bytes",)
    timed: ClassVar = False

    def measure(
        self, group: Sequence[Subject], announce: Callable[[Subject], None], seed: int
    ) -> Iterator[tuple[Subject, Outcome]]:
        for subject in group:
            announce(subject)
            workload = subject.build(None)
            workload.network.train()
            saved = count_saved_bytes(workload.network, workload.call)
            yield subject, Outcome((Value("saved_bytes", "B", (saved,)),), workload.settings)


def count_saved_bytes(network: "nn.Module", forward: "Callable[[], Tensor]") -> int:
    """Bytes of the distinct storages that autograd saves while ``forward`` runs, the network's parameters left out.

    A tensor saved by two operators, or two views of one storage, count once; the input counts.
    """
    from torch.autograd.graph import saved_tensors_hooks

    parameters = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}
    saved: dict[int, int] = {}

    def keep(tensor: "Tensor") -> "Tensor":
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in parameters:
            saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        # The output holds the graph, and so every storage, until all are counted: no address is used twice.
        output = forward()
    require_finite(output)
    return sum(saved.values())
