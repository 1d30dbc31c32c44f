"""The GPU's kernels, in Triton: one set for both orders in memory.

A program takes a tile of maps by positions. Where all positions of a map fit, the tile stays in registers, and memory
sees each tensor once; a larger map is gone through in pieces, several times, and left to the second-level cache. A tile
is some maps with consecutive numbers, which may belong to two images, by some of their positions; in memory the
positions lie side by side (contiguous) or the channels (channels last).

Formulas as in cpu.c.
"""

import triton
import triton.language as tl


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
