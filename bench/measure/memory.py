"""What a network holds in memory in one call: counted on tensors without numbers, so that nothing is allocated."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bench.measure import Announce, Outcome, Subject, Workload
from bench.results.record import Value

if TYPE_CHECKING:
    from torch import Tensor, nn

    from bench.measure.counting.live import Peak


@dataclass(frozen=True)
class Memory:
    """``saved_bytes`` and ``live_peak_bytes``, exact and the same on every device.

    Saved is what autograd keeps between the forward pass in training mode and backward; live at the peak is what one
    call in the cell's own mode holds at most, with its shares in the details. On CUDA ``allocator_peak_bytes`` and
    ``reserved_peak_bytes`` stand beside them: what torch's allocator gave out and held at most, measured.
    """

    axes: ClassVar = frozenset(
        {"backbone", "attention", "placement", "mode", "batch", "resolution", "dtype", "memory_format"}
    )
    gates: ClassVar = ("saved_bytes", "live_peak_bytes")
    timed: ClassVar = False
    side_by_side: ClassVar = True

    def measure(self, group: Sequence[Subject], announce: Announce, seed: int) -> Iterator[tuple[Subject, Outcome]]:
        for subject in group:
            announce(subject)
            workload = subject.build("meta")
            peak = count_live_bytes(workload)
            workload.network.train()
            saved = count_saved_bytes(workload.network, workload.forward)
            values = [Value("saved_bytes", "B", (saved,)), Value("live_peak_bytes", "B", (peak.total,))]
            if subject.device == "cuda":
                values += allocator_peaks(subject.build(None).call)
            yield subject, Outcome(tuple(values), {"live_peak_shares": peak.shares})


def count_saved_bytes(network: "nn.Module", forward: "Callable[[], Tensor]") -> int:
    """Bytes of the distinct storages that autograd saves while ``forward`` runs, the network's parameters left out.

    A tensor saved by two operators, or two views of one storage, count once; the input counts.
    """
    from torch.autograd.graph import saved_tensors_hooks

    from bench.measure.counting.counter import Watch

    parameters = {parameter.untyped_storage()._cdata for parameter in network.parameters()}
    saved: dict[int, int] = {}

    def keep(tensor: "Tensor") -> "Tensor":
        storage = tensor.untyped_storage()
        if storage._cdata not in parameters:
            saved[storage._cdata] = storage.nbytes()
        return tensor

    with Watch(), saved_tensors_hooks(keep, lambda tensor: tensor):
        # The output holds the graph, and so every storage, until all are counted: no address is used twice.
        output = forward()
    del output
    return sum(saved.values())


def count_live_bytes(workload: Workload) -> "Peak":
    """The most bytes of tensors that are alive at a time during one call."""
    from bench.measure.counting.live import Live

    network = workload.network
    for parameter in network.parameters():
        parameter.grad = None  # of a call before this one
    with Live((*network.parameters(), *network.buffers()), workload.inputs) as live:
        output = workload.call()
    peak = live.peak()
    del output
    return peak


def allocator_peaks(call: "Callable[[], Tensor]") -> list[Value]:
    """What torch's CUDA allocator gave out, and what it held, at most during the second call."""
    import torch

    try:
        call()
        torch.cuda.empty_cache()  # what earlier cells left there
        torch.cuda.reset_peak_memory_stats()
        call()
    except torch.OutOfMemoryError as error:
        reason = f"out of memory: {str(error).splitlines()[0]}"
        return [Value(name, "B", (None,), reason) for name in ("allocator_peak_bytes", "reserved_peak_bytes")]
    return [
        Value("allocator_peak_bytes", "B", (torch.cuda.max_memory_allocated(),)),
        Value("reserved_peak_bytes", "B", (torch.cuda.max_memory_reserved(),)),
    ]
