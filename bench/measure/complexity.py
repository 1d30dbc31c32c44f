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
            meta = subject.build("meta")
            real = subject.build("cpu")
            values = (
                Value("params", "1", (count_parameters(meta.network),)),
                Value("macs", "1", (count_macs(meta.network, meta.inputs),)),
                Value("fvcore_flops", "1", (count_fvcore(real.network, real.inputs),)),
            )
            yield subject, Outcome(values)


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
