"""torch.compile, held to what it promises."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

RECOMPILE_LIMIT = 64
"""Of one piece of code in one network; torch's own is 8. Past a graph break every block is compiled by itself, and a
deep network has a dozen kinds of blocks."""
ACCUMULATED_LIMIT = 4096
"""Of one piece of code in a whole process, which a group's networks share; torch's own is 256."""


def compile_network(network: nn.Module) -> Callable[[Tensor], Tensor]:
    """The network's forward under torch.compile, to be compiled for one shape by the first call.

    What torch does by default, running on without the compiler once a limit is reached, becomes an error.
    """
    import torch._dynamo

    config: Any = torch._dynamo.config
    config.recompile_limit, config.accumulated_recompile_limit = RECOMPILE_LIMIT, ACCUMULATED_LIMIT
    config.suppress_errors, config.fail_on_recompile_limit_hit = False, True
    # Isolated, since variants share their classes' code, and none may find another's programs in its way.
    compiled: Callable[[Tensor], Tensor]
    compiled = torch.compile(network, dynamic=False, isolate_recompiles=True)  # type: ignore[call-overload]
    return compiled
