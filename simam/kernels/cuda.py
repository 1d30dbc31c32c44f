"""The GPU's side of the fused operator: how the Triton kernels (cuda_maps.py) are launched."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import lru_cache, partial

import torch
import triton
import triton.language as tl
from torch import Tensor

from simam.kernels import cuda_maps
from simam.kernels.cuda_tiles import Tile, tile
from simam.kernels.order import in_order

ALIGNMENT = 16
"""Bytes. Triton compiles other code for tensors that begin elsewhere; what torch allocates never does, a slice may."""
KEPT = torch.version.hip is None and not triton.knobs.runtime.interpret
"""Whether the same shape is the same code: AMD's looks at the size of storages, too, and the interpreter has none."""


def run(gradient: Tensor | None, x: Tensor, e_lambda: float) -> Tensor:
    """Forward, or with an upstream gradient backward; both of shape (N, C, H, W), in any order in memory, on a GPU.

    Raises:
        ValueError: the gradient has another shape.
    """
    return in_order(partial(_launch, e_lambda), gradient, x)


def _launch(e_lambda: float, gradient: Tensor | None, x: Tensor, out: Tensor, channels_last: bool) -> None:
    tensors = (x, out) if gradient is None else (gradient, x, out)
    given = x.shape, x.dtype, channels_last, e_lambda, gradient is not None
    with torch.cuda.device(x.device) if x.is_cuda else nullcontext():  # Triton's interpreter takes CPU tensors
        if x.is_cuda and KEPT and aligned(tensors):
            launch, arguments = compiled(x.device.index, *given)
            launch(*tensors, *arguments)
        else:
            kernel, grid, arguments, warps = call(*given)
            kernel[grid](*tensors, *arguments, num_warps=warps)


def aligned(tensors: Sequence[Tensor]) -> bool:
    """Whether all begin where the kept code wants them to."""
    return not any(each.data_ptr() % ALIGNMENT for each in tensors)


def call(
    shape: torch.Size, dtype: torch.dtype, channels_last: bool, e_lambda: float, backward: bool
) -> tuple["triton.runtime.JITFunction", tuple[int, int, int], tuple[object, ...], int]:
    """A kernel, how many programs of it, what it is given after its tensors, and the warps of a program."""
    images, channels, height, width = shape
    positions, maps = height * width, images * channels
    how = tile(positions, channels, channels_last)
    strides = (1, channels) if channels_last else (positions, 1)
    arguments = (maps, channels, positions, *strides, *constants(how, dtype, e_lambda).values())
    return kernel_of(how, backward), (triton.cdiv(maps, how.maps), 1, 1), arguments, how.warps


@lru_cache(maxsize=1024)
def compiled(
    device: int, shape: torch.Size, dtype: torch.dtype, channels_last: bool, e_lambda: float, backward: bool
) -> tuple[Callable[..., None], tuple[object, ...]]:
    """What launches the kernel on the current device, for aligned tensors, and what it is given after them.

    Triton goes through all arguments at every launch to find the code for them. Here the same shape is the same code.
    """
    kernel, grid, arguments, warps = call(shape, dtype, channels_last, e_lambda, backward)
    program = kernel.warmup(*[dtype] * (3 if backward else 2), *arguments, num_warps=warps, grid=grid)
    return program[grid], arguments


def kernel_of(shape: Tile, backward: bool) -> "triton.runtime.JITFunction":
    """The kernel for a tile."""
    if shape.whole:
        return cuda_maps.backward_whole if backward else cuda_maps.forward_whole
    return cuda_maps.backward_pieces if backward else cuda_maps.forward_pieces


def constants(shape: Tile, dtype: torch.dtype, e_lambda: float) -> Mapping[str, object]:
    """What a kernel is compiled for, in the order of its parameters. Half types are computed in float32."""
    real = torch.float64 if dtype == torch.float64 else torch.float32
    precision = torch.finfo(real)
    return {
        "E_LAMBDA": e_lambda,
        "MAPS": shape.maps,
        "POSITIONS": shape.positions,
        "REAL": tl.float64 if real == torch.float64 else tl.float32,
        "EPSILON": precision.eps,
        "LEAST": precision.tiny**0.5,
    }
