"""Networks under torch.compile, without silent fallbacks to eager execution."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

RECOMPILE_LIMIT = 64
"""Limit for one code object in one network; torch's default is 8. After a graph break, every block is compiled
separately, and a deep network has a dozen different blocks."""
ACCUMULATED_LIMIT = 4096
"""Limit for one code object in a process, which all networks of a group share; torch's default is 256."""


def compile_network(network: nn.Module) -> Callable[[Tensor], Tensor]:
    """Wrap a network's forward pass in torch.compile; the first call compiles it for the shape of its input.

    By default, torch falls back to eager execution if the compiler fails or reaches a limit. Here, both raise an error.
    """
    import torch._dynamo

    config: Any = torch._dynamo.config
    config.recompile_limit, config.accumulated_recompile_limit = RECOMPILE_LIMIT, ACCUMULATED_LIMIT
    config.suppress_errors, config.fail_on_recompile_limit_hit = False, True
    # Variants share the code of their classes. Isolation keeps the cache entries of one from being checked for another.
    compiled: Callable[[Tensor], Tensor]
    compiled = torch.compile(network, dynamic=False, isolate_recompiles=True)  # type: ignore[call-overload]
    return compiled
