"""What a network does in one call: exact, read off the program without running it on real numbers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from bench.measure import Announce, Outcome, Subject, Workload
from bench.results.record import Value

if TYPE_CHECKING:
    from torch import Tensor, nn

    from bench.measure.counting.calls import Cost
    from bench.measure.counting.counter import Counter


@dataclass(frozen=True)
class Complexity:
    """``params``, ``macs``, ``elementwise_ops``, ``bytes_moved`` and ``operators`` of one call of the eager program.

    On CUDA ``kernels`` stands beside them: how many the device ran for it, measured.

    In mode training a call is a whole step: forward, loss, backward, optimizer. The details give the same by operator,
    by layer where that is asked for, and the operators whose arithmetic is not known (``uncounted_ops``).

    Args:
        layers: whether the record tells what each layer does; a deep network's record grows to tens of kilobytes by it.
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
            workload = subject.build("meta")
            counter = count(workload)
            seen = counter.total
            values: tuple[Value, ...] = (
                Value("params", "1", (count_parameters(workload.network),)),
                Value("macs", "1", (seen.macs,)),
                Value("elementwise_ops", "1", (seen.elementwise_ops,)),
                Value("bytes_moved", "B", (seen.bytes_moved,)),
                Value("operators", "1", (seen.operators,)),
            )
            if subject.device == "cuda":
                values = *values, Value("kernels", "1", (count_kernels(subject.build(None).call),))
            yield subject, Outcome(values, self._details(counter))

    def _details(self, counter: "Counter") -> dict[str, Any]:
        by_layer = {"by_layer": _plain(counter.by_place())} if self.layers else {}
        return {"by_operator": _plain(counter.by_operator()), **by_layer, "uncounted_ops": sorted(counter.uncounted)}


def count(workload: Workload) -> "Counter":
    """Run one call of a workload and count what it does, forward, backward and all, by layer and operator."""
    from bench.measure.counting.counter import Counter
    from bench.measure.counting.layers import Layers

    layers = Layers(workload.network)
    counter = Counter(layers.current)
    with layers, counter:
        workload.call()
    return counter


def count_kernels(call: "Callable[[], Tensor]") -> int:
    """How many kernels a CUDA device runs for one call; copies and fills by its copy engine are none."""
    from torch._C._autograd import DeviceType
    from torch.profiler import ProfilerActivity, profile

    call()  # the first one chooses algorithms, which takes kernels of its own
    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        call()
    names = [event.name for event in profiler.events() or () if event.device_type == DeviceType.CUDA]
    return sum(not name.startswith(("Memcpy", "Memset")) for name in names)


def count_parameters(network: "nn.Module") -> int:
    """Learned numbers, shared ones once."""
    return sum(parameter.numel() for parameter in network.parameters())


def _plain(costs: Mapping[str, "Cost"]) -> dict[str, list[int]]:
    """As a record keeps them: name → operators, macs, elementwise_ops, bytes_read, bytes_written."""
    return {name: list(cost) for name, cost in costs.items()}
