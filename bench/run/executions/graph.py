"""CUDA-graph execution: the call is captured once and replayed."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from bench.run.executions import Ready

WARM_UP = 3
"""Calls before the capture, as in torch's notes on CUDA graphs, so that one-off allocations, such as an optimizer's
state, exist when the capture begins."""


def prepare(call: Callable[[], Tensor]) -> Ready:
    """Capture a call as a CUDA graph; a replay launches all its kernels at once and fills the same output again.

    The procedure is "Whole-network capture" from torch's notes on CUDA graphs.

    Raises:
        Exception: any exception of CUDA or the network, for example for a synchronization inside the call.
    """
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM_UP):
            call()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output = call()
    return Ready(partial(_replay, graph, output, call))


def _replay(graph: torch.cuda.CUDAGraph, output: Tensor, captured: Callable[[], Tensor]) -> Tensor:
    """Replay the graph. It reads the tensors of the ``captured`` call in place, so that call must stay alive."""
    graph.replay()
    return output
