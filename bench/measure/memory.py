"""Memory of one call of a network, counted on meta tensors, so that nothing is allocated."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bench.measure import Announce, Outcome, Subject, Workload, count_on_meta
from bench.store.record import Value

if TYPE_CHECKING:
    from torch import Tensor, nn

    from bench.measure.counting.peak import PeakMemory


@dataclass(frozen=True)
class Memory:
    """``saved_bytes`` and ``peak_bytes`` of one call, exact and the same on every device.

    ``saved_bytes`` is the activation memory that autograd saves for backward in a forward pass in training mode.
    ``peak_bytes`` is the peak memory of one call in the cell's mode; the details divide it by category. On CUDA,
    ``peak_allocated_bytes`` and ``peak_reserved_bytes`` are the peaks of torch's allocator, measured.
    """

    axes: ClassVar = frozenset(
        {"backbone", "attention", "placement", "mode", "batch", "resolution", "dtype", "memory_format"}
    )
    gates: ClassVar = ("saved_bytes", "peak_bytes")
    timed: ClassVar = False
    side_by_side: ClassVar = True

    def measure(self, group: Sequence[Subject], announce: Announce, seed: int) -> Iterator[tuple[Subject, Outcome]]:
        for subject in group:
            announce(subject)
            (workload, peak), on_cpu = count_on_meta(subject, lambda built: (built, count_peak_bytes(built)))
            values = [saved_value(workload), Value("peak_bytes", "B", (peak.total,))]
            if subject.device == "cuda":
                values += measure_allocator_peaks(subject.build(None).call)
            yield subject, Outcome(tuple(values), {"peak_shares": peak.shares, **on_cpu})


def saved_value(workload: Workload) -> Value:
    """Count the saved bytes of a workload's network in training mode.

    The value is None with a reason if the network cannot be called in training mode, such as a batch norm on a single
    value per channel.
    """
    workload.network.train()
    try:
        return Value("saved_bytes", "B", (count_saved_bytes(workload.network, workload.forward),))
    except Exception as error:  # a user's network may raise anything
        return Value("saved_bytes", "B", (None,), f"in training mode: {type(error).__name__}: {error}")


def count_saved_bytes(network: "nn.Module", forward: "Callable[[], Tensor]") -> int:
    """Return the bytes of all distinct storages that autograd saves in ``forward``, without the network's parameters.

    A tensor that two operators save, or two views of one storage, count once. The input counts.
    """
    from torch.autograd.graph import saved_tensors_hooks

    from bench.measure.counting.dispatch import OperatorObserver

    parameters = {parameter.untyped_storage()._cdata for parameter in network.parameters()}
    saved: dict[int, int] = {}

    def pack(tensor: "Tensor") -> "Tensor":
        storage = tensor.untyped_storage()
        if storage._cdata not in parameters:
            saved[storage._cdata] = storage.nbytes()
        return tensor

    with OperatorObserver(), saved_tensors_hooks(pack, lambda tensor: tensor):
        # The output owns the graph and therefore all saved storages, so no address is reused before the sum is taken.
        output = forward()
    del output
    return sum(saved.values())


def count_peak_bytes(workload: Workload) -> "PeakMemory":
    """Count the peak memory of one call: the maximum over time of the bytes of all live tensors."""
    from bench.measure.counting.peak import PeakCounter

    network = workload.network
    for parameter in network.parameters():
        parameter.grad = None  # left by a previous call
    with PeakCounter((*network.parameters(), *network.buffers()), workload.inputs) as counter:
        output = workload.call()
    peak = counter.peak()
    del output
    return peak


def measure_allocator_peaks(call: "Callable[[], Tensor]") -> list[Value]:
    """Measure the peak of allocated and of reserved memory of torch's CUDA allocator during the second call.

    If the device runs out of memory, both values are None and give the reason.
    """
    import torch

    try:
        call()
        torch.cuda.empty_cache()  # releases memory that earlier cells left in the allocator
        torch.cuda.reset_peak_memory_stats()
        call()
    except torch.OutOfMemoryError as error:
        reason = f"out of memory: {str(error).splitlines()[0]}"
        return [Value(name, "B", (None,), reason) for name in ("peak_allocated_bytes", "peak_reserved_bytes")]
    return [
        Value("peak_allocated_bytes", "B", (torch.cuda.max_memory_allocated(),)),
        Value("peak_reserved_bytes", "B", (torch.cuda.max_memory_reserved(),)),
    ]
