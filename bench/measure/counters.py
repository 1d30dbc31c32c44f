"""Counts of the same network by other tools, for comparison with published numbers."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from bench.measure import Announce, Outcome, Subject, Workload, count_on_meta
from bench.store.record import Value

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Counters:
    """``fvcore_flops`` and ``torch_flops`` of a forward pass of one image, as fvcore and torch report them.

    fvcore counts a multiply-add as 1 and includes batch norms and poolings. torch's FlopCounterMode counts a
    multiply-add as 2 and includes nothing else. Both skip elementwise operators, and therefore all of SimAM.
    """

    axes: ClassVar = frozenset({"backbone", "attention", "placement", "resolution"})
    gates: ClassVar = ("fvcore_flops", "torch_flops")
    timed: ClassVar = False
    side_by_side: ClassVar = True

    def measure(self, group: Sequence[Subject], announce: Announce, seed: int) -> Iterator[tuple[Subject, Outcome]]:
        for subject in group:
            announce(subject)
            values, on_cpu = count_on_meta(subject, _count)
            yield subject, Outcome(values, on_cpu)


def _count(workload: Workload) -> tuple[Value, ...]:
    """Count with both tools; a tool that cannot count this network gives None and its reason.

    Raises:
        Exception: any exception of the network itself.
    """
    import torch

    from bench.measure.counting.dispatch import OperatorObserver

    network = workload.network.eval()
    with OperatorObserver():  # reuses the results of repeated calls on meta tensors
        torch_flops = count_torch(network, workload.inputs)
    return (
        _fvcore_value(network, torch.zeros_like(workload.inputs, device="cpu")),
        Value("torch_flops", "1", (torch_flops,)),
    )


def _fvcore_value(network: "nn.Module", inputs: "Tensor") -> Value:
    try:
        with _materialised(network), _single_thread():
            return Value("fvcore_flops", "1", (count_fvcore(network, inputs),))
    except Exception as error:  # tracing fails in many ways, for scripted and compiled parts among others
        reason = f"fvcore cannot trace the network: {type(error).__name__}: {error}".partition("\n")[0]
        return Value("fvcore_flops", "1", (None,), reason)


@contextmanager
def _materialised(network: "nn.Module") -> "Iterator[None]":
    """Replace a network's meta tensors by zeros on the CPU, because fvcore cannot trace meta tensors.

    Only the shapes matter, so each tensor is an expanded view of a single element.
    """
    import torch

    with ExitStack() as restore:
        for module in network.modules():
            tables: tuple[dict[str, Any], ...] = (module._parameters, module._buffers)
            for tensors in tables:
                restore.callback(tensors.update, dict(tensors))
                for name, tensor in tensors.items():
                    if tensor is not None:
                        zeros = torch.zeros((), dtype=tensor.dtype).expand(tensor.shape)
                        is_parameter = isinstance(tensor, torch.nn.Parameter)
                        tensors[name] = torch.nn.Parameter(zeros, requires_grad=False) if is_parameter else zeros
        yield


@contextmanager
def _single_thread() -> "Iterator[None]":
    """Limit torch to one thread, because the other cores count other groups at the same time."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def count_torch(network: "nn.Module", inputs: "Tensor") -> int:
    """Return the total of torch's FlopCounterMode: 2 per multiply-add of convolution, linear and matmul, no biases."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(inputs)
    return int(counter.get_total_flops())


def count_fvcore(network: "nn.Module", inputs: "Tensor") -> int:
    """Return fvcore's total, with its defaults: 1 per multiply-add, plus normalisation and pooling."""
    import warnings

    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from fvcore.nn import FlopCountAnalysis

        analysis = FlopCountAnalysis(network, inputs)
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
        with torch.no_grad():
            return int(analysis.total())
