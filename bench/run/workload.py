"""Cell → network, inputs and the callable to measure."""

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode, unset_fake_temporarily
from torch.overrides import TorchFunctionMode

from bench.measure import Workload
from bench.measure.compilation import compile_network
from bench.run.execution import Ready, capture, compile_now
from bench.suite.axes import Cell, Choice
from bench.suite.datasets import DATASETS
from bench.suite.suite import Data
from simam.placement import insert
from simam.registry import ATTENTION, BACKBONES, Entry, Registry, did_you_mean

Forward: TypeAlias = Callable[[Tensor], Tensor]

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16, "autocast": torch.float32}
_ATTENTION_STREAM = 1_000_003
"""Added to the seed for the modules' own weights, so that they take no draw from the network's."""
_INPUT_STREAM = 2_000_003
"""Added to the seed for the images, which are the same whatever was drawn for weights before."""


def build_network(cell: Cell, seed: int, classes: int | None = None, weights: str | None = None) -> nn.Module:
    """The plain network initialised first, then the modules from a stream of their own.

    So the variants of a seed share the weights of the layers they share. Built on torch's default device.

    Args:
        cell: what to build.
        seed: of its weights.
        classes: of the images, for a backbone that takes ``num_classes`` and whose cell does not say them.
        weights: torchvision's name for weights of the plain network.

    Raises:
        ValueError: weights are asked of a backbone that takes none.
        Exception: whatever the backbone or the module raises on an option that it does not take.
    """
    assert cell.backbone is not None  # every measure that builds a network reads the axis
    torch.manual_seed(seed)
    backbone = _configured(BACKBONES, cell.backbone)
    known = _parameters(backbone.func)
    options: dict[str, Any] = {}
    if classes is not None and (known is None or "num_classes" in known) and "num_classes" not in backbone.keywords:
        options["num_classes"] = classes
    if weights is not None:
        if known is None or "weights" not in known:
            raise ValueError(f"torchvision publishes no weights for {cell.backbone}; name a file or a folder instead")
        options["weights"] = weights
    network: nn.Module = backbone(**options)
    if cell.attention is not None and cell.placement is not None:
        torch.manual_seed(seed + _ATTENTION_STREAM)
        insert(network, _configured(ATTENTION, cell.attention), _place(cell.placement))
    return network


def build(cell: Cell, seed: int, device: str, stands_for: str = "cpu") -> Workload:
    """Build a cell on a device, with the axes it leaves open at torch's own settings.

    On "meta", which holds no numbers, nothing is compiled or captured.

    Args:
        cell: what to build.
        seed: of its weights and inputs.
        device: "cpu", "cuda" or "meta".
        stands_for: the device that meta stands for, which decides what autocast does.

    Raises:
        ValueError: the cell cannot run on the device.
        Exception: whatever building it raises; with ``execution`` compile or graph, running it too.
    """
    if reason := cell.unfit(device):
        raise ValueError(reason)
    if device == "meta" and cell.dtype == "autocast":
        # Autocast passes meta tensors by; torch's fake ones hold no numbers either, and say that they are elsewhere.
        with FakeTensorMode(allow_non_fake_inputs=True):
            return _built(replace(cell, execution="eager"), seed, stands_for, fake=True)
    return _built(cell, seed, device)


def _built(cell: Cell, seed: int, device: str, fake: bool = False) -> Workload:
    with torch.device(device):
        network = _skeleton(cell.project(_STRUCTURE)) if device == "meta" else build_network(cell, seed)
        torch.manual_seed(seed + _INPUT_STREAM)
        inputs = torch.randn(cell.batch or 1, *_input_shape(cell))
    dtype = _DTYPES[cell.dtype or "fp32"]
    layout = torch.channels_last if cell.memory_format == "channels_last" else torch.contiguous_format
    if not fake:  # torch cannot; and what a convolution gives is in the input's order, whatever its weight's is
        network = network.to(dtype=dtype, memory_format=layout)  # type: ignore[call-overload]
    inputs = inputs.to(dtype=dtype, memory_format=layout)
    network.train(cell.mode == "training")
    execution = "eager" if device == "meta" else cell.execution
    forward: Forward = compile_network(network) if execution == "compile" else network
    if cell.dtype == "autocast":
        forward = _autocast(forward, device)
    ready = _ready(execution, _call(cell, network, forward, inputs))
    settings = {**_settings(cell, device), **ready.settings}
    return Workload(network, inputs, ready.call, partial(forward, inputs), settings, ready.values)


_STRUCTURE = ("backbone", "attention", "placement")


@lru_cache(maxsize=64)
def _skeleton(cell: Cell) -> nn.Module:
    """A network on meta, shared by the cells that differ in nothing that it is made of."""
    with _NoDraws():
        return build_network(cell, 0)


class _NoDraws(TorchFunctionMode):
    """Leaves out the drawing of weights that hold no numbers.

    On meta torch takes it apart in Python, which lasts as long as all the rest of building a network.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func in (Tensor.normal_, Tensor.uniform_) and args[0].is_meta:
            return args[0]
        return func(*args, **(kwargs or {}))


def _ready(execution: str | None, call: Callable[[], Tensor]) -> Ready:
    if execution == "compile":
        return compile_now(call)
    return capture(call) if execution == "graph" else Ready(call)


def _call(cell: Cell, network: nn.Module, forward: Forward, inputs: Tensor) -> Callable[[], Tensor]:
    """One iteration."""
    call: Callable[[], Tensor] = partial(forward, inputs)
    if cell.mode == "inference":
        call = partial(_infer, forward, inputs)
    elif cell.mode == "training":
        call = _training_step(network, forward, inputs)
    return partial(_with_threads, cell.threads, call) if cell.threads else call


def _with_threads(threads: int, call: Callable[[], Tensor]) -> Tensor:
    """Set at each call, since the variants of a group may differ in it; it costs nothing where it is set already."""
    torch.set_num_threads(threads)
    return call()


def _configured(registry: Registry[Entry], choice: Choice) -> "partial[Any]":
    """What a name stands for, with its options; a ValueError for one that it does not take."""
    factory, options = registry.load(choice.name), dict(choice.options)
    known = _parameters(factory)
    for option in options:
        if known is not None and option not in known:
            raise ValueError(f"{choice.name} has no option {option!r}; {did_you_mean(option, known)}")
    return partial(factory, **options)


def load_dataset(cell: Cell, data: Data) -> Any:
    """The images that a cell names, see :class:`bench.measure.training.datasets.Dataset`; read once, to be shared.

    Raises:
        Exception: they are not there or damaged, or an option is not taken.
    """
    from bench.measure.training.datasets import Place

    assert cell.dataset is not None  # every measure that learns from images reads the axis
    root = data.root or os.environ.get("BENCH_DATA")
    return _images(cell.dataset, Place(Path(root) if root else None, data.download))


@lru_cache(maxsize=1)
def _images(dataset: Choice, place: Any) -> Any:
    return _configured(DATASETS, dataset)(place)


def _parameters(factory: Callable[..., Any]) -> list[str] | None:
    """The options that a factory takes; None where it takes any, or does not tell."""
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return None
    return [each.name for each in parameters if each.name not in ("channels", "place")]


def _place(placement: Choice) -> str | dict[str, str]:
    if placement.name == "layers":
        return {"layers": str(dict(placement.options)["glob"])}
    return placement.name


def _input_shape(cell: Cell) -> tuple[int, int, int]:
    options = dict(cell.backbone.options) if cell.backbone else {}
    channels = options.get("in_channels", 3)
    side = cell.resolution or 224
    return int(channels or 3), side, side


def _autocast(network: Forward, device: str) -> Forward:
    def forward(inputs: Tensor) -> Tensor:
        with torch.autocast(device):
            return network(inputs)

    return forward


def _infer(forward: Forward, inputs: Tensor) -> Tensor:
    with torch.inference_mode():
        return forward(inputs)


def _training_step(network: nn.Module, forward: Forward, inputs: Tensor) -> Callable[[], Tensor]:
    """A whole training step, with lr 0 so that the hundredth step does the work of the first."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.0, momentum=0.9)
    for parameter in network.parameters():  # the first step would make them, and so do other work than the next
        optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    targets = torch.zeros(len(inputs), dtype=torch.long, device=inputs.device)

    def step() -> Tensor:
        optimizer.zero_grad()
        output = forward(inputs)
        nn.functional.cross_entropy(output.float(), targets).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return output

    return step


def _flushes_denormals() -> bool:
    """Whether the CPU takes numbers below the normal range for 0; torch sets it and does not tell."""
    with unset_fake_temporarily():
        return bool((torch.full((1,), 1e-40, device="cpu") * 1.0).item() == 0.0)


def _autocast_dtype(device: str) -> str:
    """What autocast computes in on a device."""
    return str(torch.get_autocast_dtype(device)).removeprefix("torch.")


def _settings(cell: Cell, device: str) -> dict[str, Any]:
    """What is recorded beside a timing because it changes it."""
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
