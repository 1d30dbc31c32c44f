"""How torch runs a call: as it stands, compiled, or captured once as a CUDA graph and replayed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from bench.results.record import Value

WARM_UP = 3
"""Calls before a capture, as in torch's notes on CUDA graphs: what is made only once, such as an optimiser's state, is
there when the capture begins."""


@dataclass(frozen=True)
class Ready:
    """A call that can be timed from its first iteration on.

    Args:
        call: one iteration.
        values: what was measured on the way here.
        settings: what else is to be recorded.
    """

    call: Callable[[], Tensor]
    values: tuple[Value, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)


def compile_now(call: Callable[[], Tensor]) -> Ready:
    """Make the first call, which compiles.

    The values are ``compile_time``, the seconds of that call, and ``graph_breaks``, places where the program goes back
    to Python. The settings say how many ``graphs`` were compiled, and how many of their parts the compiler's cache on
    disk had already: it outlives the process, so all repeats but the first find everything there.

    Raises:
        RuntimeError: torch compiled nothing.
        Exception: whatever the compiler or the network raises.
    """
    before = _counts()
    start = perf_counter()
    call()
    seconds = perf_counter() - start
    new = {name: count - before[name] for name, count in _counts().items()}
    if not new["graphs"]:
        raise RuntimeError(
            "torch.compile compiled no part of the network, which would run eager under the name of compile; "
            "TORCH_LOGS=graph_breaks says what is in its way (and TORCH_COMPILE_DISABLE must not be set)"
        )
    values = (Value("compile_time", "s", (seconds,)), Value("graph_breaks", "1", (new.pop("graph_breaks"),)))
    return Ready(call, values, new)


def _counts() -> dict[str, int]:
    """The compiler's own account of this process."""
    from torch._dynamo.utils import counters

    return {
        "graphs": counters["stats"]["unique_graphs"],
        "graph_breaks": sum(counters["graph_break"].values()),
        "compiler_cache_hits": counters["inductor"]["fxgraph_cache_hit"],
        "compiler_cache_misses": counters["inductor"]["fxgraph_cache_miss"],
    }


def capture(call: Callable[[], Tensor]) -> Ready:
    """Capture a call as a CUDA graph; a replay launches all its kernels at once, and fills the same output again.

    The recipe is that of torch's notes on CUDA graphs, "Whole-network capture".

    Raises:
        Exception: whatever CUDA or the network raises, such as for a wait on the device in the middle of the call.
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
    """A graph reads the captured call's tensors where they lay, so the call, which holds them, has to live on."""
    graph.replay()
    return output
