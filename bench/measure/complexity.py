"""Counts of one call of a network: exact, and obtained without computing on real data."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from bench.measure import Announce, Outcome, Subject, Workload, count_on_meta
from bench.store.record import Value

if TYPE_CHECKING:
    from torch import Tensor, nn

    from bench.measure.counting.calls import Cost
    from bench.measure.counting.dispatch import CostCounter


@dataclass(frozen=True)
class Complexity:
    """``params``, ``macs``, ``elementwise_ops``, ``bytes_moved`` and ``operators`` of one call of the eager program.

    On CUDA, ``kernels`` is the number of kernels that the device runs for the call, from torch's profiler.

    In mode training, a call is a whole step: forward, loss, backward, optimizer. The details contain the same counts
    by operator and, on request, by layer, and list the operators that are not in the counting table
    (``uncounted_ops``).

    Args:
        layers: whether the record contains the counts of each layer; for a deep network they take tens of kilobytes.
    """

    layers: bool = True

    axes: ClassVar = frozenset(
        {"backbone", "attention", "placement", "mode", "batch", "resolution", "dtype", "memory_format"}
    )
    gates: ClassVar = ("params", "macs", "elementwise_ops", "bytes_moved", "operators")
    timed: ClassVar = False
    side_by_side: ClassVar = True

    def measure(self, group: Sequence[Subject], announce: Announce, seed: int) -> Iterator[tuple[Subject, Outcome]]:
        for subject in group:
            announce(subject)
            (workload, counter), on_cpu = count_on_meta(subject, lambda built: (built, count_costs(built)))
            total = counter.total
            values: tuple[Value, ...] = (
                Value("params", "1", (count_parameters(workload.network),)),
                Value("macs", "1", (total.macs,)),
                Value("elementwise_ops", "1", (total.elementwise_ops,)),
                Value("bytes_moved", "B", (total.bytes_moved,)),
                Value("operators", "1", (total.operators,)),
            )
            if subject.device == "cuda":
                values = *values, Value("kernels", "1", (count_kernels(subject.build(None).call),))
            yield subject, Outcome(values, {**self._details(counter), **on_cpu})

    def _details(self, counter: "CostCounter") -> dict[str, Any]:
        by_layer = {"by_layer": _as_lists(counter.by_layer())} if self.layers else {}
        return {
            "by_operator": _as_lists(counter.by_operator()),
            **by_layer,
            "uncounted_ops": sorted(counter.uncounted),
        }


def count_costs(workload: Workload) -> "CostCounter":
    """Run one call of a workload and count its cost by layer and operator."""
    from bench.measure.counting.dispatch import CostCounter
    from bench.measure.counting.layers import LayerTracker

    layers = LayerTracker(workload.network)
    counter = CostCounter(layers.current)
    with layers, counter:
        workload.call()
    return counter


def count_kernels(call: "Callable[[], Tensor]") -> int:
    """Return the number of kernels that a CUDA device runs for one call, without memory copies and memsets."""
    from torch._C._autograd import DeviceType
    from torch.profiler import ProfilerActivity, profile

    call()  # The first call may launch additional kernels to select algorithms.
    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        call()
    names = [event.name for event in profiler.events() or () if event.device_type == DeviceType.CUDA]
    return sum(not name.startswith(("Memcpy", "Memset")) for name in names)


def count_parameters(network: "nn.Module") -> int:
    """Return the number of learned parameters; a shared parameter counts once."""
    return sum(parameter.numel() for parameter in network.parameters())


def _as_lists(costs: Mapping[str, "Cost"]) -> dict[str, list[int]]:
    """Convert costs to the form of a record: [operators, macs, elementwise_ops, bytes_read, bytes_written] by name."""
    return {name: list(cost) for name, cost in costs.items()}
