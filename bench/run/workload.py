"""Cell → workload: the network, its inputs and the call to measure."""

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode, unset_fake_temporarily
from torch.nn.modules.lazy import LazyModuleMixin
from torch.overrides import TorchFunctionMode

from bench.measure import Workload
from bench.measure.compilation import compile_network
from bench.run.executions import Ready
from bench.run.torch_state import restored_torch_state
from bench.suite.axes import Cell, Choice
from bench.suite.datasets import DATASETS
from bench.suite.suite import DataSettings
from simam.placement import insert
from simam.registry import ATTENTION, BACKBONES, Entry, Registry, did_you_mean

Forward: TypeAlias = Callable[[Tensor], Tensor]

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16, "autocast": torch.float32}
_ATTENTION_STREAM = 1_000_003
"""Offset to the seed for the weights of attention modules, so that they do not change the network's random stream."""
_INPUT_STREAM = 2_000_003
"""Offset to the seed for the inputs, so that they do not depend on the number of weights."""


class Insertion(NamedTuple):
    """An attention module in a network.

    Args:
        layer: name of the layer that it follows.
        channels: channels that it was built for.
        module: the module.
    """

    layer: str
    channels: int
    module: nn.Module


@dataclass
class BuildReport:
    """What happened while a network was built.

    Args:
        insertions: the attention modules.
        changes: settings of torch that were changed, and restored.
    """

    insertions: list[Insertion] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)


def build_network(
    cell: Cell,
    seed: int,
    classes: int | None = None,
    weights: str | None = None,
    report: BuildReport | None = None,
) -> nn.Module:
    """Build the network of a cell on torch's default device.

    The plain network is initialised first, and the attention modules afterwards, from a separate random stream. All
    variants of a seed therefore have the same weights in their common layers. Settings of torch that a module changes
    while it is imported or built are restored. Lazy layers are initialised by a dry run.

    Args:
        cell: the cell.
        seed: seed of the weights.
        classes: number of classes of the images, for a backbone that takes ``num_classes`` and whose cell does not give
            it.
        weights: torchvision's name of the weights of the plain network.
        report: is filled in.

    Raises:
        ValueError: the backbone takes no ``weights``.
        Exception: any exception of the backbone or the module, such as for an invalid option.
    """
    report = report or BuildReport()
    with restored_torch_state() as changes:
        network = _build_network(cell, seed, classes, weights, report.insertions)
    report.changes += changes
    return network


def _build_network(
    cell: Cell, seed: int, classes: int | None, weights: str | None, insertions: list[Insertion]
) -> nn.Module:
    assert cell.backbone is not None  # every measure that builds a network depends on the axis
    torch.manual_seed(seed)
    backbone = _configured(BACKBONES, cell.backbone)
    known = _option_names(backbone.func)
    options: dict[str, Any] = {}
    if classes is not None and (known is None or "num_classes" in known) and "num_classes" not in backbone.keywords:
        options["num_classes"] = classes
    if weights is not None:
        if known is None or "weights" not in known:
            raise ValueError(f"torchvision publishes no weights for {cell.backbone}; name a file or a folder instead")
        options["weights"] = weights
    network: nn.Module = backbone(**options)
    if _has_lazy_layers(network):
        with torch.no_grad():  # in evaluation mode, which leaves running statistics as they are
            network.eval()(torch.zeros(1, *input_shape(cell, network)))
        network.train()
    if cell.attention is not None and cell.placement is not None:
        torch.manual_seed(seed + _ATTENTION_STREAM)
        built: list[tuple[int, nn.Module]] = []
        factory = _configured(ATTENTION, cell.attention)

        def attention(channels: int) -> nn.Module:
            module: nn.Module = factory(channels)
            built.append((channels, module))
            return module

        layers = insert(network, attention, _placement_argument(cell.placement))
        insertions += [Insertion(layer, *made) for layer, made in zip(layers, built, strict=True)]
    return network


def _has_lazy_layers(network: nn.Module) -> bool:
    lazy = (module for module in network.modules() if isinstance(module, LazyModuleMixin))
    return any(module.has_uninitialized_params() for module in lazy)


def build_workload(cell: Cell, seed: int, device: str, stands_for: str = "cpu") -> Workload:
    """Build a cell on a device. An axis that is None takes torch's own setting.

    On "meta", where tensors have no data, nothing is compiled or captured.

    Args:
        cell: the cell.
        seed: seed of the weights and the inputs.
        device: "cpu", "cuda" or "meta".
        stands_for: the device that "meta" stands for, which determines the effect of autocast.

    Raises:
        ValueError: the device cannot run the cell.
        Exception: any exception during the build; with ``execution`` compile or graph, during a call too.
    """
    if reason := cell.unsupported_on(device):
        raise ValueError(reason)
    if device == "meta" and cell.dtype == "autocast":
        # Autocast ignores meta tensors. Fake tensors have no data either, but report another device.
        with FakeTensorMode(allow_non_fake_inputs=True):
            return _build_on(replace(cell, execution="eager"), seed, stands_for, fake=True)
    return _build_on(cell, seed, device)


def _build_on(cell: Cell, seed: int, device: str, fake: bool = False) -> Workload:
    with torch.device(device):
        network = _fresh_skeleton(cell.project(_STRUCTURE)) if device == "meta" else build_network(cell, seed)
        torch.manual_seed(seed + _INPUT_STREAM)
        inputs = torch.randn(cell.batch or 1, *input_shape(cell, network))
    dtype = _DTYPES[cell.dtype or "fp32"]
    layout = torch.channels_last if cell.memory_format == "channels_last" else torch.contiguous_format
    if not fake:  # torch cannot convert fake weights; a convolution's output has the memory format of its input anyway
        network = network.to(dtype=dtype, memory_format=layout)  # type: ignore[call-overload]
    inputs = inputs.to(dtype=dtype, memory_format=layout)
    network.train(cell.mode == "training")
    execution = "eager" if device == "meta" else cell.execution
    forward: Forward = compile_network(network) if execution == "compile" else network
    if cell.dtype == "autocast":
        forward = _autocast(forward, device)
    execution_module = import_module(f"bench.run.executions.{execution or 'eager'}")
    ready: Ready = execution_module.prepare(_call(cell, network, forward, inputs))
    settings = {**_settings(cell, device), **ready.settings}
    return Workload(network, inputs, ready.call, partial(forward, inputs), settings, ready.values)


_STRUCTURE = ("backbone", "attention", "placement", "resolution")
"""The axes that determine the layers of a network; that of lazy layers depends on the resolution."""


def _fresh_skeleton(cell: Cell) -> nn.Module:
    """A network on meta that was never called: modules may keep state of their calls, such as a table for one size."""
    try:
        copy = deepcopy(_skeleton(cell))
    except Exception:  # modules with tensors that autograd recorded cannot be copied
        return _skeleton.__wrapped__(cell)
    # A copy of a scripted module has parameters that autograd recorded.
    return copy if all(parameter.is_leaf for parameter in copy.parameters()) else _skeleton.__wrapped__(cell)


@lru_cache(maxsize=64)
def _skeleton(cell: Cell) -> nn.Module:
    """A network on meta, which is copied for the cells with the same layers."""
    with _NoRandomWeights():
        return build_network(cell, 0)


class _NoRandomWeights(TorchFunctionMode):
    """Skips the random initialisation of weights without data.

    On meta, torch decomposes the initialisation in Python, which doubles the time to build a network.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func in (Tensor.normal_, Tensor.uniform_) and args[0].is_meta:
            return args[0]
        return func(*args, **(kwargs or {}))


def _call(cell: Cell, network: nn.Module, forward: Forward, inputs: Tensor) -> Callable[[], Tensor]:
    """The call that is one iteration."""
    call: Callable[[], Tensor] = partial(forward, inputs)
    if cell.mode == "inference":
        call = partial(_infer, forward, inputs)
    elif cell.mode == "training":
        call = _training_step(network, forward, inputs)
    return partial(_with_threads, cell.threads, call) if cell.threads else call


def _with_threads(threads: int, call: Callable[[], Tensor]) -> Tensor:
    """Call with a number of threads. The variants of a group may differ in it; setting the current number is free."""
    torch.set_num_threads(threads)
    return call()


def _configured(registry: Registry[Entry], choice: Choice) -> "partial[Any]":
    """The registered factory with its options; a ValueError for an option that it does not have."""
    factory, options = registry.load(choice.name), dict(choice.options)
    known = _option_names(factory)
    for option in options:
        if known is not None and option not in known:
            raise ValueError(f"{choice.name} has no option {option!r}; {did_you_mean(option, known)}")
    return partial(factory, **options)


def load_dataset(cell: Cell, data: DataSettings) -> Any:
    """Load the dataset of a cell, see :class:`bench.measure.training.images.Dataset`; the last one is cached.

    Raises:
        Exception: the images are missing or damaged, or an option is invalid.
    """
    from bench.measure.training.images import DataLocation

    assert cell.dataset is not None  # every measure that trains depends on the axis
    root = data.root or os.environ.get("BENCH_DATA")
    return _cached_dataset(cell.dataset, DataLocation(Path(root) if root else None, data.download))


@lru_cache(maxsize=1)
def _cached_dataset(dataset: Choice, location: Any) -> Any:
    return _configured(DATASETS, dataset)(location)


def _option_names(factory: Callable[..., Any]) -> list[str] | None:
    """The options that a factory accepts; None if it accepts any option or has no signature."""
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return [parameter.name for parameter in parameters if parameter.name not in ("channels", "location")]


def _placement_argument(placement: Choice) -> str | dict[str, str]:
    """A placement as :func:`simam.placement.insert` takes it."""
    if placement.name == "layers":
        return {"layers": str(dict(placement.options)["glob"])}
    return placement.name


def input_shape(cell: Cell, network: nn.Module) -> tuple[int, int, int]:
    """Channels, height and width of an image: the channels of the network's first convolution, 3 without one."""
    convolutions = (module for module in network.modules() if isinstance(module, nn.Conv2d))
    first = next(convolutions, None)
    channels = first.in_channels if first is not None else 0
    side = cell.resolution or 224
    return channels or 3, side, side


def _autocast(network: Forward, device: str) -> Forward:
    def forward(inputs: Tensor) -> Tensor:
        with torch.autocast(device):
            return network(inputs)

    return forward


def _infer(forward: Forward, inputs: Tensor) -> Tensor:
    with torch.inference_mode():
        return forward(inputs)


def _training_step(network: nn.Module, forward: Forward, inputs: Tensor) -> Callable[[], Tensor]:
    """A whole training step. The learning rate is 0, so that all steps do the same work."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.0, momentum=0.9)
    for parameter in network.parameters():  # otherwise the first step would create the buffers
        optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    targets = torch.zeros(len(inputs), dtype=torch.long, device=inputs.device)

    def step() -> Tensor:
        optimizer.zero_grad()
        output = forward(inputs)
        if not isinstance(output, Tensor) or output.dim() != 2:
            raise TypeError(f"a training step needs logits of shape (N, classes), not {_output_name(output)}")
        nn.functional.cross_entropy(output.float(), targets).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return output

    return step


def _output_name(output: object) -> str:
    if isinstance(output, Tensor):
        return f"a tensor of shape {tuple(output.shape)}"
    keys = f" with the keys {', '.join(map(str, output))}" if isinstance(output, Mapping) else ""
    return f"a {type(output).__name__}{keys}; wrap the network in one that returns its logits"


def _flushes_denormals() -> bool:
    """Whether the CPU flushes denormal numbers to 0; torch can set this but not report it."""
    with unset_fake_temporarily():
        return bool((torch.full((1,), 1e-40, device="cpu") * 1.0).item() == 0.0)


def _autocast_dtype(device: str) -> str:
    """The number type of autocast on a device."""
    return str(torch.get_autocast_dtype(device)).removeprefix("torch.")


def _settings(cell: Cell, device: str) -> dict[str, Any]:
    """The settings that influence times, for the record."""
    cuda = device == "cuda"
    return {
        "device": device,
        "inference_mode": cell.mode == "inference",
        "autocast_dtype": _autocast_dtype(device) if cell.dtype == "autocast" else None,
        "threads": cell.threads or torch.get_num_threads(),
        "flush_denormal": _flushes_denormals(),
        "tf32_matmul": torch.backends.cuda.matmul.fp32_precision == "tf32" if cuda else None,
        "tf32_convolution": torch.backends.cudnn.conv.fp32_precision == "tf32" if cuda else None,  # type: ignore[attr-defined]
        "cudnn_benchmark": torch.backends.cudnn.benchmark if cuda else None,
    }
