"""The GPU's side of the fused operator: Triton kernels, one set for both orders in memory.

A program takes a tile of maps by positions. Where all positions of a map fit, the tile stays in registers, and memory
sees each tensor once; a larger map is gone through in pieces, several times, and left to the second-level cache. A tile
is some maps with consecutive numbers, which may belong to two images, by some of their positions; in memory the
positions lie side by side (contiguous) or the channels (channels last).

Formulas as in cpu.c.
"""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache, partial

import torch
import triton
import triton.language as tl
from torch import Tensor

from simam.kernels.order import in_order

ALIGNMENT = 16
"""Bytes. Triton compiles other code for tensors that begin elsewhere; what torch allocates never does, a slice may."""
KEPT = torch.version.hip is None and not triton.knobs.runtime.interpret
"""Whether the same shape is the same code: AMD's looks at the size of storages, too, and the interpreter has none."""

# Chosen by trial on an H200, at the sizes of ResNet-50 and ResNet-20: docs/decisions/0013.
MOST = 8192
"""Elements of a tile that is held in registers."""
FILL, FILL_LAST = 512, 2048
"""Elements that a program should have at least, contiguous and with channels last: several small maps share one."""
LINE, LINE_PIECES = 8, 32
"""Channels side by side that are read at once with channels last, a sector of 32 bytes in float32 or a line of 128:
what is held in registers is read once, what is read again should find a whole line of its own in the cache."""
PIECE, PIECE_LAST = 4096, 2048
"""Elements of a tile that is gone through again and again."""
A_THREAD, A_THREAD_PIECES = 16, 8
"""Elements of a tile that a thread takes, up to the most warps."""
MOST_WARPS = 8
"""More wait longer for one another in each sum than they gain; with fewer, backward spills registers."""


@dataclass(frozen=True)
class Tile:
    """How a kernel is launched.

    Args:
        maps: of a program.
        positions: of a program at a time; a power of two.
        whole: whether these are all positions of a map.
        warps: of a program.
    """

    maps: int
    positions: int
    whole: bool
    warps: int


def tile(positions: int, channels: int, channels_last: bool) -> Tile:
    """The tile for maps of so many positions. Powers of two, as Triton wants them."""
    width, most = triton.next_power_of_2(positions), triton.next_power_of_2(channels)
    least = min(LINE, most) if channels_last else 1
    if least * width > MOST:
        maps = min(LINE_PIECES, most) if channels_last else 1
        elements = PIECE_LAST if channels_last else PIECE
        return Tile(maps, elements // maps, False, _warps(elements, A_THREAD_PIECES))
    maps = max(least, (FILL_LAST if channels_last else FILL) // width)
    return Tile(maps, width, True, _warps(maps * width, A_THREAD))


def _warps(elements: int, a_thread: int) -> int:
    return min(MOST_WARPS, max(1, elements // (32 * a_thread)))


@triton.jit
def _add(one, other, more, others):
    return one + more, other + others


@triton.jit
def _sums(one, other):
    """Of each map, over its positions; two at once, since threads have to wait for one another only once."""
    return tl.reduce((one, other), 1, _add)


@triton.jit
def _factor(squares, rest, mean, M, E_LAMBDA: tl.constexpr, EPSILON: tl.constexpr, LEAST: tl.constexpr):
    """1 / (4 (v + λ)); 0 where λ vanishes and the spread is nothing, or the rounding error of the mean.

    λ is a constant, since a number that a kernel is called with is a float32.
    """
    variance = tl.maximum(squares - rest * rest / M, 0.0) / tl.maximum(M - 1, 1)
    variance = tl.where(squares == squares, variance, squares)
    spread = variance + tl.full(variance.shape, E_LAMBDA, variance.dtype)
    if E_LAMBDA < LEAST:
        rounding = 4 * EPSILON * mean
        flat = spread <= tl.maximum(rounding * rounding, tl.full(variance.shape, LEAST, variance.dtype))
        factor = tl.where(flat, 0.0, 0.25 / tl.where(flat, 1.0, spread))
    else:
        factor = 0.25 / spread
    return factor


@triton.jit
def _gate(d, q):
    """The sigmoid of q d² + ½, whose argument is never negative."""
    return 1 / (1 + tl.exp(-(q * d * d + 0.5)))


@triton.jit
def _first_of(rows, C, M, map_stride):
    """Where the first position of each map lies, in elements."""
    return (rows // C).to(tl.int64) * C * M + (rows % C).to(tl.int64) * map_stride


@triton.jit
def _places(first, live, columns, M, position_stride):
    """Which elements of a tile there are, and where they lie."""
    inside = live[:, None] & (columns < M)[None, :]
    return inside, first[:, None] + (columns * position_stride)[None, :]


@triton.jit
def forward_whole(
    x_ptr, y_ptr, maps, C, M, map_stride, position_stride, E_LAMBDA: tl.constexpr,
    MAPS: tl.constexpr, POSITIONS: tl.constexpr, REAL: tl.constexpr, EPSILON: tl.constexpr, LEAST: tl.constexpr,
):  # fmt: skip
    """Maps whose positions all fit: one read, one write."""
    rows, columns = tl.program_id(0) * MAPS + tl.arange(0, MAPS), tl.arange(0, POSITIONS)
    inside, where = _places(_first_of(rows, C, M, map_stride), rows < maps, columns, M, position_stride)
    x = tl.load(x_ptr + where, mask=inside, other=0).to(REAL)
    mean = tl.sum(x, axis=1) / M
    d = tl.where(inside, x - mean[:, None], 0.0)
    squares, rest = _sums(d * d, d)
    q = _factor(squares, rest, mean, M, E_LAMBDA, EPSILON, LEAST)
    d -= rest[:, None] / M  # what the rounded mean lacks
    tl.store(y_ptr + where, (x * _gate(d, q[:, None])).to(y_ptr.dtype.element_ty), mask=inside)


@triton.jit
def backward_whole(
    g_ptr, x_ptr, dx_ptr, maps, C, M, map_stride, position_stride, E_LAMBDA: tl.constexpr,
    MAPS: tl.constexpr, POSITIONS: tl.constexpr, REAL: tl.constexpr, EPSILON: tl.constexpr, LEAST: tl.constexpr,
):  # fmt: skip
    """Maps whose positions all fit: two reads, one write."""
    rows, columns = tl.program_id(0) * MAPS + tl.arange(0, MAPS), tl.arange(0, POSITIONS)
    inside, where = _places(_first_of(rows, C, M, map_stride), rows < maps, columns, M, position_stride)
    x = tl.load(x_ptr + where, mask=inside, other=0).to(REAL)
    g = tl.load(g_ptr + where, mask=inside, other=0).to(REAL)
    mean = tl.sum(x, axis=1) / M
    d = tl.where(inside, x - mean[:, None], 0.0)
    squares, rest = _sums(d * d, d)
    q = _factor(squares, rest, mean, M, E_LAMBDA, EPSILON, LEAST)
    d -= rest[:, None] / M
    s = _gate(d, q[:, None])
    gs = g * s
    h = gs * x * (1 - s)
    along, across = _sums(h * d * d, h * d)
    slope = 8 * q * q * along / tl.maximum(M - 1, 1)
    shift = 2 * q * across / M
    dx = gs + (2 * q[:, None] * h - slope[:, None]) * d - shift[:, None]
    tl.store(dx_ptr + where, dx.to(dx_ptr.dtype.element_ty), mask=inside)


@triton.jit
def _statistics(
    x_ptr, first, live, M, position_stride, E_LAMBDA: tl.constexpr,
    MAPS: tl.constexpr, POSITIONS: tl.constexpr, REAL: tl.constexpr, EPSILON: tl.constexpr, LEAST: tl.constexpr,
):  # fmt: skip
    """Mean, what it lacks since it is rounded, and factor of maps gone through in pieces.

    One reading is enough: each lane keeps the mean and the squares of what it saw (Welford 1962), counted from the
    map's first value, so that a mean far from 0 costs no digits, unless just that value lies far from the mean.
    """
    columns = tl.arange(0, POSITIONS)
    origin = tl.load(x_ptr + first, mask=live, other=0).to(REAL)
    means, squares = tl.zeros((MAPS, POSITIONS), REAL), tl.zeros((MAPS, POSITIONS), REAL)
    for piece in range(0, tl.cdiv(M, POSITIONS)):
        inside, where = _places(first, live, piece * POSITIONS + columns, M, position_stride)
        d = tl.load(x_ptr + where, mask=inside, other=0).to(REAL) - origin[:, None]
        off = d - means
        means = tl.where(inside, means + off / (piece + 1), means)
        squares = tl.where(inside, squares + off * (d - means), squares)
    seen = tl.cdiv(M - columns, POSITIONS).to(REAL)[None, :]
    past = tl.sum(seen * means, axis=1) / M
    off = means - past[:, None]
    squares = tl.sum(squares + seen * off * off, axis=1)
    mean = origin + past
    return mean, past - (mean - origin), _factor(squares, 0.0, mean, M, E_LAMBDA, EPSILON, LEAST)


@triton.jit
def forward_pieces(
    x_ptr, y_ptr, maps, C, M, map_stride, position_stride, E_LAMBDA: tl.constexpr,
    MAPS: tl.constexpr, POSITIONS: tl.constexpr, REAL: tl.constexpr, EPSILON: tl.constexpr, LEAST: tl.constexpr,
):  # fmt: skip
    """Maps that do not fit, piece by piece."""
    rows, columns = tl.program_id(0) * MAPS + tl.arange(0, MAPS), tl.arange(0, POSITIONS)
    first, live = _first_of(rows, C, M, map_stride), rows < maps
    mean, more, q = _statistics(x_ptr, first, live, M, position_stride, E_LAMBDA, MAPS, POSITIONS, REAL, EPSILON, LEAST)
    pieces = tl.cdiv(M, POSITIONS)
    for piece in range(0, pieces):  # from the last, which the caches still hold
        inside, where = _places(first, live, (pieces - 1 - piece) * POSITIONS + columns, M, position_stride)
        x = tl.load(x_ptr + where, mask=inside, other=0).to(REAL)
        y = x * _gate(x - mean[:, None] - more[:, None], q[:, None])
        tl.store(y_ptr + where, y.to(y_ptr.dtype.element_ty), mask=inside)


@triton.jit
def backward_pieces(
    g_ptr, x_ptr, dx_ptr, maps, C, M, map_stride, position_stride, E_LAMBDA: tl.constexpr,
    MAPS: tl.constexpr, POSITIONS: tl.constexpr, REAL: tl.constexpr, EPSILON: tl.constexpr, LEAST: tl.constexpr,
):  # fmt: skip
    """Maps that do not fit, piece by piece."""
    rows, columns = tl.program_id(0) * MAPS + tl.arange(0, MAPS), tl.arange(0, POSITIONS)
    first, live = _first_of(rows, C, M, map_stride), rows < maps
    mean, more, q = _statistics(x_ptr, first, live, M, position_stride, E_LAMBDA, MAPS, POSITIONS, REAL, EPSILON, LEAST)
    a, b = tl.zeros((MAPS, POSITIONS), REAL), tl.zeros((MAPS, POSITIONS), REAL)
    pieces = tl.cdiv(M, POSITIONS)
    for piece in range(0, pieces):  # from the last, which the caches still hold
        inside, where = _places(first, live, (pieces - 1 - piece) * POSITIONS + columns, M, position_stride)
        x = tl.load(x_ptr + where, mask=inside, other=0).to(REAL)
        g = tl.load(g_ptr + where, mask=inside, other=0).to(REAL)
        d = x - mean[:, None] - more[:, None]
        s = _gate(d, q[:, None])
        hd = g * x * s * (1 - s) * d
        a += hd
        b += hd * d
    along, across = _sums(b, a)
    slope = 8 * q * q * along / tl.maximum(M - 1, 1)
    shift = 2 * q * across / M
    for piece in range(0, pieces):
        inside, where = _places(first, live, piece * POSITIONS + columns, M, position_stride)
        x = tl.load(x_ptr + where, mask=inside, other=0).to(REAL)
        g = tl.load(g_ptr + where, mask=inside, other=0).to(REAL)
        d = x - mean[:, None] - more[:, None]
        s = _gate(d, q[:, None])
        gs = g * s
        dx = gs + (2 * q[:, None] * gs * x * (1 - s) - slope[:, None]) * d - shift[:, None]
        tl.store(dx_ptr + where, dx.to(dx_ptr.dtype.element_ty), mask=inside)


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
        if x.is_cuda and KEPT and not any(each.data_ptr() % ALIGNMENT for each in tensors):
            launch, arguments = compiled(x.device.index, *given)
            launch(*tensors, *arguments)
        else:
            kernel, grid, arguments, warps = call(*given)
            kernel[grid](*tensors, *arguments, num_warps=warps)


@lru_cache(maxsize=1024)
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

    Triton looks at all arguments of every launch to find the code for them, which takes longer than most maps of a
    network take on the GPU. Here the same shape is the same code.
    """
    kernel, grid, arguments, warps = call(shape, dtype, channels_last, e_lambda, backward)
    program = kernel.warmup(*[dtype] * (3 if backward else 2), *arguments, num_warps=warps, grid=grid)
    return program[grid], arguments


def kernel_of(shape: Tile, backward: bool) -> "triton.runtime.JITFunction":
    """The kernel for a tile."""
    if shape.whole:
        return backward_whole if backward else forward_whole
    return backward_pieces if backward else forward_pieces


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
