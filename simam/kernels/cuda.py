"""GPU implementation of the fused operator: launches of the Triton kernels (cuda_maps.py)."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import lru_cache, partial

import torch
import triton
import triton.language as tl
from torch import Tensor

from simam.kernels import cuda_maps
from simam.kernels.cuda_tiles import Tile, select_tile
from simam.kernels.memory_format import run_kernel

ALIGNMENT = 16
"""Address alignment in bytes that Triton specialises on.

Triton compiles different code for other addresses. torch aligns all its allocations, but a slice may begin elsewhere.
"""

CACHE_LAUNCHES = torch.version.hip is None and not triton.knobs.runtime.interpret
"""Whether :func:`compiled_launch` may be used.

On NVIDIA GPUs the shape, the dtype and the alignment determine the code. On AMD GPUs it depends on the size of the
storage as well. Triton's interpreter compiles nothing.
"""


def run(gradient: Tensor | None, x: Tensor, e_lambda: float) -> Tensor:
    """Run the forward kernel or, with an upstream gradient, the backward kernel.

    Args:
        gradient: upstream gradient of shape (N, C, H, W), or None.
        x: input of shape (N, C, H, W) on a GPU, in any memory layout.
        e_lambda: regulariser λ ≥ 0.

    Raises:
        ValueError: the shape of the gradient differs from that of ``x``.
    """
    return run_kernel(partial(_launch, e_lambda), gradient, x)


def _launch(e_lambda: float, gradient: Tensor | None, x: Tensor, out: Tensor, channels_last: bool) -> None:
    tensors = (x, out) if gradient is None else (gradient, x, out)
    options = x.shape, x.dtype, channels_last, e_lambda, gradient is not None
    # Triton's interpreter runs on CPU tensors, which have no device to switch to.
    with torch.cuda.device(x.device) if x.is_cuda else nullcontext():
        if x.is_cuda and CACHE_LAUNCHES and is_aligned(tensors):
            launch, arguments = compiled_launch(x.device.index, *options)
            launch(*tensors, *arguments)
        else:
            kernel, grid, arguments, warps = launch_parameters(*options)
            kernel[grid](*tensors, *arguments, num_warps=warps)


def is_aligned(tensors: Sequence[Tensor]) -> bool:
    """Whether the addresses of all tensors are multiples of :data:`ALIGNMENT`."""
    return not any(tensor.data_ptr() % ALIGNMENT for tensor in tensors)


def launch_parameters(
    shape: torch.Size, dtype: torch.dtype, channels_last: bool, e_lambda: float, backward: bool
) -> tuple["triton.runtime.JITFunction", tuple[int, int, int], tuple[object, ...], int]:
    """Kernel, grid, arguments after the tensors, and warps per program, for tensors of a shape (N, C, H, W)."""
    images, channels, height, width = shape
    positions, maps = height * width, images * channels
    tile = select_tile(positions, channels, channels_last)
    strides = (1, channels) if channels_last else (positions, 1)
    arguments = (maps, channels, positions, *strides, *compile_time_arguments(tile, dtype, e_lambda).values())
    return select_kernel(tile, backward), (triton.cdiv(maps, tile.maps), 1, 1), arguments, tile.warps


@lru_cache(maxsize=1024)
def compiled_launch(
    device: int, shape: torch.Size, dtype: torch.dtype, channels_last: bool, e_lambda: float, backward: bool
) -> tuple[Callable[..., None], tuple[object, ...]]:
    """Function that launches the compiled kernel on aligned tensors, and its arguments after the tensors.

    At every launch, Triton inspects all arguments to find the compiled kernel. This cache avoids that cost: a shape,
    dtype and memory format always lead to the same kernel.

    Args:
        device: index of the current device; part of the cache key only.
        shape, dtype, channels_last, e_lambda, backward: as in :func:`launch_parameters`.
    """
    kernel, grid, arguments, warps = launch_parameters(shape, dtype, channels_last, e_lambda, backward)
    program = kernel.warmup(*[dtype] * (3 if backward else 2), *arguments, num_warps=warps, grid=grid)
    return program[grid], arguments


def select_kernel(tile: Tile, backward: bool) -> "triton.runtime.JITFunction":
    """Kernel for a tile and a direction."""
    if tile.whole_maps:
        return cuda_maps.backward_whole_maps if backward else cuda_maps.forward_whole_maps
    return cuda_maps.backward_chunked if backward else cuda_maps.forward_chunked


def compile_time_arguments(tile: Tile, dtype: torch.dtype, e_lambda: float) -> Mapping[str, object]:
    """Compile-time arguments of a kernel, in the order of its parameters. Half types are computed in float32."""
    compute_dtype = torch.float64 if dtype == torch.float64 else torch.float32
    precision = torch.finfo(compute_dtype)
    return {
        "E_LAMBDA": e_lambda,
        "MAPS": tile.maps,
        "POSITIONS": tile.positions,
        "REAL": tl.float64 if compute_dtype == torch.float64 else tl.float32,
        "EPSILON": precision.eps,
        "SMALLEST": precision.tiny**0.5,
    }
