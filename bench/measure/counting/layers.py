"""Attribution of operators to the layers of a network, in the forward and in the backward pass."""

from contextlib import ExitStack
from types import TracebackType
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

NO_LAYER = ""
"""Name for operators outside all layers: the loss, the optimizer, and the network's own code between its layers."""


class LayerTracker:
    """Context manager that tracks which layer of a network is running; :attr:`current` returns its name.

    In the forward pass, module hooks keep a stack of the layers that have started.

    In the backward pass, every node of the autograd graph belongs to the layer whose forward operator created it. Nodes
    have consecutive sequence numbers, so the tracker records the number of the newest node at each forward operator.
    The nodes that accumulate the gradients of parameters have no sequence number; they belong to the layer that holds
    the parameter.
    """

    def __init__(self, network: nn.Module) -> None:
        self._module_names: dict[int, str] = {id(module): name for name, module in network.named_modules()}
        self._parameter_layers: dict[int, str] = {
            id(parameter): name
            for name, module in network.named_modules()
            for parameter in module.parameters(recurse=False)
        }
        self._stack = [NO_LAYER]
        self._node_layers: dict[int, str] = {}
        self._hooks = ExitStack()

    def __enter__(self) -> "LayerTracker":
        for hook in (
            register_module_forward_pre_hook(self._enter_module),
            register_module_forward_hook(self._leave_module, always_call=True),
        ):
            self._hooks.callback(hook.remove)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._hooks.close()

    def current(self) -> str:
        """Return the dotted name of the innermost layer that is running."""
        node: Any = torch._C._current_autograd_node()
        if node is None:
            # An operator that creates no node leaves the number of its predecessor, which is already in the table.
            self._node_layers.setdefault(_newest_node(), self._stack[-1])
            return self._stack[-1]
        variable = getattr(node, "variable", None)
        if variable is not None:
            return self._parameter_layers.get(id(variable), NO_LAYER)
        return self._node_layers.get(node._sequence_nr(), NO_LAYER)

    def _enter_module(self, module: nn.Module, inputs: Any) -> None:
        self._stack.append(self._module_names.get(id(module), self._stack[-1]))

    def _leave_module(self, module: nn.Module, inputs: Any, output: Any) -> None:
        self._stack.pop()


def _newest_node() -> int:
    """Return the sequence number of the autograd node that was created last."""
    return int(torch.autograd._get_sequence_nr()) - 1  # type: ignore[attr-defined]
