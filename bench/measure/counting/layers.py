"""Which layer of a network is at work, in its forward pass and in its backward pass."""

from contextlib import ExitStack
from types import TracebackType
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

OUTSIDE = ""
"""What runs in no layer: the loss, the optimizer, and what the network itself does between its layers."""


class Layers:
    """Follows a network from layer to layer, as a context manager; :attr:`current` is asked at every operator.

    Forward, hooks keep a stack of the layers that have begun. Backward, every node of autograd's graph belongs to the
    layer whose forward operator made it: nodes are numbered in the order they are made, so the number of the youngest
    one, noted at each operator, tells whose it is. Gradients of parameters are summed up in nodes that have no number;
    they belong to the layer that holds the parameter.
    """

    def __init__(self, network: nn.Module) -> None:
        self._names: dict[int, str] = {id(module): name for name, module in network.named_modules()}
        self._holders: dict[int, str] = {
            id(parameter): name
            for name, module in network.named_modules()
            for parameter in module.parameters(recurse=False)
        }
        self._stack = [OUTSIDE]
        self._makers: dict[int, str] = {}
        self._hooks = ExitStack()

    def __enter__(self) -> "Layers":
        for hook in (
            register_module_forward_pre_hook(self._begin),
            register_module_forward_hook(self._end, always_call=True),
        ):
            self._hooks.callback(hook.remove)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._hooks.close()

    def current(self) -> str:
        """The dotted name of the innermost layer at work."""
        node: Any = torch._C._current_autograd_node()
        if node is None:
            # An operator that makes no node finds the number of the one before it, which is taken already.
            self._makers.setdefault(_youngest_node(), self._stack[-1])
            return self._stack[-1]
        variable = getattr(node, "variable", None)
        if variable is not None:
            return self._holders.get(id(variable), OUTSIDE)
        return self._makers.get(node._sequence_nr(), OUTSIDE)

    def _begin(self, module: nn.Module, inputs: Any) -> None:
        self._stack.append(self._names.get(id(module), self._stack[-1]))

    def _end(self, module: nn.Module, inputs: Any, output: Any) -> None:
        self._stack.pop()


def _youngest_node() -> int:
    return int(torch.autograd._get_sequence_nr()) - 1  # type: ignore[attr-defined]
