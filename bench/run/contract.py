"""The contract of an attention module, checked once before anything is measured.

A module takes a map of shape (N, C, H, W) with as many channels C as it was built for, and returns a map of the same
shape and type. Measurements of a module that breaks the contract would be misleading.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from bench.run.torch_state import restored_torch_state
from bench.run.workload import BuildReport, Insertion, build_network, input_shape
from bench.suite.axes import Cell
from simam.registry import ATTENTION, BACKBONES

CHANNEL_NAMES = re.compile(r"chan|plane|dim|feature|width|filters|^(c|ch|nc|inp|in_c|oup|n|c1)$", re.IGNORECASE)
"""Pattern of names for a first parameter that is the number of channels."""
CHECKED_IMAGES = 2
"""Batch size of the checked forward pass."""


class ContractError(ValueError):
    """A module breaks the contract; the message describes the violation."""


class CallError(Exception):
    """A network that was built but cannot be called; the message gives the cause."""


def check_cell(cell: Cell) -> list[str]:
    """Build the network of a cell, and run it once in evaluation mode, on the meta device or else on the CPU.

    A network that cannot be called at all passes: the measures report its failure, and measure the other cells.

    Returns:
        Sentences on what is unusual but allowed: a network that is counted on the CPU, restored settings, and state
        that the first call creates.

    Raises:
        ContractError: a module breaks the contract.
        Exception: any exception of a constructor.
    """
    try:
        return _check_on(cell, "meta")
    except ContractError:
        raise
    except Exception as error:  # a user's network may raise anything
        reason = str(error).partition("\n")[0]
    try:
        notes = _check_on(cell, "cpu")
    except CallError:
        return []
    return [f"{cell.id} cannot run on torch's meta device ({reason}); it is counted on the CPU", *notes]


def _check_on(cell: Cell, device: str) -> list[str]:
    notes, report = [], BuildReport()
    with restored_torch_state() as changes, torch.device(device):
        if cell.attention is not None and cell.placement is not None:
            require_channels_first(cell.attention.name, dict(cell.attention.options))
        network = build_network(cell, 0, report=report).eval()
    if changes := [*changes, *report.changes]:
        notes.append(
            f"importing or building {cell.id} changed settings of torch, which were restored: {', '.join(changes)}"
        )
    if not _is_foreign(cell):
        return notes
    before = _shapes(network)
    with ExitStack() as hooks:
        for insertion in report.insertions:
            hooks.callback(insertion.module.register_forward_pre_hook(partial(_check_input, insertion)).remove)
            hooks.callback(insertion.module.register_forward_hook(partial(_check_output, insertion)).remove)
        with restored_torch_state() as changes, torch.device(device):
            _call_once(network, torch.randn(CHECKED_IMAGES, *input_shape(cell, network)))
    if changes:
        raise ContractError(f"its forward changes settings of torch: {', '.join(changes)}; restore them in forward")
    if created := sorted(_shapes(network) - before):
        names = ", ".join(name for name, _ in created[:3])
        notes.append(f"{cell.id} creates {names} in its first call; every cell gets a fresh network")
    return notes


def _is_foreign(cell: Cell) -> bool:
    """Whether a part of the network is a user's; the tests of this project check registered networks and modules."""
    named: list[object] = [BACKBONES.get(cell.backbone.name)] if cell.backbone else []
    if cell.attention is not None and cell.placement is not None:
        named.append(ATTENTION.get(cell.attention.name))
        if cell.placement.name == "layers":
            return True
    return None in named


def _call_once(network: nn.Module, images: Tensor) -> None:
    try:
        network(images)
    except ContractError:
        raise
    except Exception as error:
        raise CallError(f"{type(error).__name__}: {error}") from error


def require_channels_first(name: str, options: dict[str, Any]) -> None:
    """Check that the first parameter of a user's module can be the number of channels.

    Raises:
        ContractError: it has a default and another name, or there is no parameter.
    """
    factory = ATTENTION.load(name)
    if ATTENTION.get(name) is not None:
        return
    first = _first_parameter(factory, options)
    if first is None:
        raise ContractError(f"{name} takes no argument; its first parameter must be the number of channels")
    if first.kind is first.VAR_POSITIONAL:
        return
    if first.default is not first.empty and not CHANNEL_NAMES.search(first.name):
        raise ContractError(
            f"the first parameter of {name} is {first.name}={first.default!r}, but it would receive the number of "
            "channels; write a function or a class whose first parameter is channels, and name that"
        )


def _first_parameter(factory: Callable[..., Any], options: dict[str, Any]) -> inspect.Parameter | None:
    """The parameter that receives the first positional argument; *args if the signature is unknown."""
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL)
    positional: Iterator[inspect.Parameter] = (
        parameter
        for parameter in parameters
        if parameter.kind not in (parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD) and parameter.name not in options
    )
    return next(positional, None)


def _check_input(insertion: Insertion, module: nn.Module, inputs: tuple[Any, ...]) -> None:
    """Check the input of a module.

    Raises:
        ContractError: the input is not a feature map with the expected number of channels.
    """
    [given] = inputs
    if not isinstance(given, Tensor) or given.dim() != 4 or given.shape[1] != insertion.channels:
        raise ContractError(
            f"after {insertion.layer}, {type(module).__name__} receives {_described(given)}; a module "
            f"needs a map of shape (N, C, H, W) with the {insertion.channels} channels of the layer; choose a layer "
            "with such an output"
        )


def _check_output(insertion: Insertion, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
    """Check the output of a module.

    Raises:
        ContractError: it has another shape or type than the input.
    """
    [given] = inputs
    if not isinstance(output, Tensor) or output.shape != given.shape or output.dtype != given.dtype:
        raise ContractError(
            f"after {insertion.layer}, {type(module).__name__} returns {_described(output)} for {_described(given)}; "
            "a module returns a map of the same shape and type (a module that returns only its gate must multiply its "
            "input by the gate)"
        )


def _described(value: object) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)} and type {str(value.dtype).removeprefix('torch.')}"
    return f"a {type(value).__name__}"


def _shapes(network: nn.Module) -> set[tuple[str, str]]:
    """Name and shape of every parameter, buffer, and tensor that a module keeps as an attribute."""
    shapes = {(name, str(tuple(tensor.shape))) for name, tensor in network.state_dict().items()}
    for path, module in network.named_modules():
        for name, value in vars(module).items():
            if isinstance(value, Tensor):
                shapes.add((f"{path}.{name}".lstrip("."), str(tuple(value.shape))))
    return shapes
