"""Parameters and multiply-adds: exact, read off the network without running it on real numbers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bench.measure import Outcome, Subject
from bench.results.record import Value

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Complexity:
    """``params``, ``macs`` and ``fvcore_flops`` of one forward pass on one image."""

    axes: ClassVar = frozenset({"backbone", "attention", "placement", "resolution"})
    gates: ClassVar = ("params", "macs")
    timed: ClassVar = False

    def measure(
        self, group: Sequence[Subject], announce: Callable[[Subject], None], seed: int
    ) -> Iterator[tuple[Subject, Outcome]]:
        for subject in group:
            announce(subject)
            workload = subject.build("meta")
            network, image = workload.network, workload.inputs
            values = (
                Value("params", "1", (count_parameters(network),)),
                Value("macs", "1", (count_macs(network, image),)),
                Value("fvcore_flops", "1", (count_fvcore(*_materialised(network, image)),)),
            )
            yield subject, Outcome(values)


def _materialised(network: "nn.Module", image: "Tensor") -> "tuple[nn.Module, Tensor]":
    """The same network and image on the CPU, all zeros: fvcore does not trace on meta, and shapes are all it needs."""
    import torch

    network = network.to_empty(device="cpu")
    for tensor in (*network.parameters(), *network.buffers()):
        tensor.detach().zero_()
    return network, torch.zeros_like(image, device="cpu")


def count_parameters(network: "nn.Module") -> int:
    """Learned numbers, shared ones once."""
    return sum(parameter.numel() for parameter in network.parameters())


def count_macs(network: "nn.Module", inputs: "Tensor") -> int:
    """Multiply-adds of convolution, linear and matmul, biases and everything elementwise left out.

    torch's own counter knows the shapes of every such operator; it counts a multiply-add as 2.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(inputs)
    return int(counter.get_total_flops()) // 2


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
