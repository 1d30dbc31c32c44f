"""What other counters print for the same network, for readers who match a paper's column."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from bench.measure import Announce, Outcome, Subject
from bench.results.record import Value

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Counters:
    """``fvcore_flops`` and ``torch_flops`` of a forward pass of one image, as fvcore and torch would print them.

    fvcore takes a multiply-add for 1 and adds batch norms and poolings; torch's FlopCounterMode takes it for 2 and adds
    nothing. Both skip what is elementwise, and so all of SimAM.
    """

    axes: ClassVar = frozenset({"backbone", "attention", "placement", "resolution"})
    gates: ClassVar = ("fvcore_flops", "torch_flops")
    timed: ClassVar = False
    side_by_side: ClassVar = True

    def measure(self, group: Sequence[Subject], announce: Announce, seed: int) -> Iterator[tuple[Subject, Outcome]]:
        import torch

        from bench.measure.counting.counter import Watch

        for subject in group:
            announce(subject)
            workload = subject.build("meta")
            network = workload.network.eval()
            with Watch():  # so nothing is computed
                torch_flops = count_torch(network, workload.inputs)
            with _materialised(network), _one_thread():
                fvcore_flops = count_fvcore(network, torch.zeros_like(workload.inputs, device="cpu"))
            yield (
                subject,
                Outcome((Value("fvcore_flops", "1", (fvcore_flops,)), Value("torch_flops", "1", (torch_flops,)))),
            )


@contextmanager
def _materialised(network: "nn.Module") -> "Iterator[None]":
    """A network on meta with zeros on the CPU in place of its weights: fvcore does not trace on meta.

    All elements of a weight are one number in memory, since only shapes count.
    """
    import torch

    with ExitStack() as back:
        for module in network.modules():
            tables: tuple[dict[str, Any], ...] = (module._parameters, module._buffers)
            for tensors in tables:
                back.callback(tensors.update, dict(tensors))
                for name, tensor in tensors.items():
                    if tensor is not None:
                        zeros = torch.zeros((), dtype=tensor.dtype).expand(tensor.shape)
                        own = isinstance(tensor, torch.nn.Parameter)
                        tensors[name] = torch.nn.Parameter(zeros, requires_grad=False) if own else zeros
        yield


@contextmanager
def _one_thread() -> "Iterator[None]":
    """Other groups are counted beside this one, and have the other cores."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def count_torch(network: "nn.Module", inputs: "Tensor") -> int:
    """Torch's FlopCounterMode: 2 for each multiply-add of convolution, linear and matmul; biases left out."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(inputs)
    return int(counter.get_total_flops())


def count_fvcore(network: "nn.Module", inputs: "Tensor") -> int:
    """Fvcore's total as it would print it: a multiply-add is 1, and norms and pooling are added."""
    import warnings

    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from fvcore.nn import FlopCountAnalysis

        analysis = FlopCountAnalysis(network, inputs)
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
        with torch.no_grad():
            return int(analysis.total())
