"""Compiled execution: the first call compiles, and every later call runs the compiled program."""

from collections.abc import Callable
from time import perf_counter

from torch import Tensor

from bench.run.executions import Ready
from bench.store.record import Value


def prepare(call: Callable[[], Tensor]) -> Ready:
    """Make the first call, which compiles.

    The values are ``compile_time``, the seconds of that call, and ``graph_breaks``, the number of places where the
    program returns to Python. The settings give the number of compiled ``graphs`` and how many of them were
    already in the compiler's cache on disk. That cache outlives the process, so later processes find all graphs in it.

    Raises:
        RuntimeError: torch compiled nothing.
        Exception: any exception of the compiler or the network.
    """
    before = _counters()
    start = perf_counter()
    call()
    seconds = perf_counter() - start
    new = {name: count - before[name] for name, count in _counters().items()}
    if not new["graphs"]:
        raise RuntimeError(
            "torch.compile compiled no part of the network, so it would run eagerly; TORCH_LOGS=graph_breaks shows the "
            "cause (and TORCH_COMPILE_DISABLE must not be set)"
        )
    values = (Value("compile_time", "s", (seconds,)), Value("graph_breaks", "1", (new.pop("graph_breaks"),)))
    return Ready(call, values, new)


def _counters() -> dict[str, int]:
    """The compiler's counters for this process."""
    from torch._dynamo.utils import counters

    return {
        "graphs": counters["stats"]["unique_graphs"],
        "graph_breaks": sum(counters["graph_break"].values()),
        "compiler_cache_hits": counters["inductor"]["fxgraph_cache_hit"],
        "compiler_cache_misses": counters["inductor"]["fxgraph_cache_miss"],
    }
