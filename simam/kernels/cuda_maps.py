"""GPU kernels in Triton, for contiguous and channels-last tensors.

A program processes a tile of maps by positions. If all positions of a map fit into the tile, the tile stays in
registers and each tensor is transferred once. A larger map is processed in chunks of positions and read several times;
the repeated reads depend on the second-level cache. The maps of a tile have consecutive numbers and may belong to two
images. The positions of a map are adjacent in memory if the tensor is contiguous; the channels of a position are
adjacent if it is channels last.

The formulas are given in cpu.c. Names: d is the deviation of x from the mean of its map, q is 1 / (4 (v + λ)), M is the
number of positions and C the number of channels. The mean is rounded, so the deviations from it do not add up to 0;
their sum is the residual, and ``mean_error``, the residual divided by M, corrects the deviations.
"""

import triton
import triton.language as tl


@triton.jit
def _add_pairs(left, left_other, right, right_other):
    return left + right, left_other + right_other


@triton.jit
def _sum_pair(values, other_values):
    """Sums of two tiles over the positions. A single reduction needs one synchronisation instead of two."""
    return tl.reduce((values, other_values), 1, _add_pairs)


@triton.jit
def _quarter_inverse(squares, residual, mean, M, E_LAMBDA: tl.constexpr, EPSILON: tl.constexpr, SMALLEST: tl.constexpr):
    """1 / (4 (v + λ)) per map, or 0 if λ is negligible and v is 0 or no larger than the rounding error of the mean.

    λ is a compile-time constant, because Triton passes a run-time number as float32.
    """
    variance = tl.maximum(squares - residual * residual / M, 0.0) / tl.maximum(M - 1, 1)
    variance = tl.where(squares == squares, variance, squares)  # keeps NaN, which tl.maximum may drop
    denominator = variance + tl.full(variance.shape, E_LAMBDA, variance.dtype)
    if E_LAMBDA < SMALLEST:
        rounding = 4 * EPSILON * mean
        limit = tl.maximum(rounding * rounding, tl.full(variance.shape, SMALLEST, variance.dtype))
        constant = denominator <= limit
        q = tl.where(constant, 0.0, 0.25 / tl.where(constant, 1.0, denominator))
    else:
        q = 0.25 / denominator
    return q


@triton.jit
def _gate(d, q):
    """Sigmoid of q d² + ½. The argument is never negative, so the exponential cannot overflow."""
    return 1 / (1 + tl.exp(-(q * d * d + 0.5)))


@triton.jit
def _map_offsets(rows, C, M, map_stride):
    """Offset of the first position of each map, in elements."""
    return (rows // C).to(tl.int64) * C * M + (rows % C).to(tl.int64) * map_stride


@triton.jit
def _tile_offsets(map_offsets, row_mask, columns, M, position_stride):
    """Mask of the elements of a tile that exist, and their offsets in elements."""
    mask = row_mask[:, None] & (columns < M)[None, :]
    return mask, map_offsets[:, None] + (columns * position_stride)[None, :]


@triton.jit
def forward_whole_maps(
    x_ptr, y_ptr, maps, C, M, map_stride, position_stride, E_LAMBDA: tl.constexpr,
    MAPS: tl.constexpr, POSITIONS: tl.constexpr, REAL: tl.constexpr, EPSILON: tl.constexpr, SMALLEST: tl.constexpr,
):  # fmt: skip
    """Forward for maps that fit into a tile: one read, one write."""
    rows, columns = tl.program_id(0) * MAPS + tl.arange(0, MAPS), tl.arange(0, POSITIONS)
    mask, offsets = _tile_offsets(_map_offsets(rows, C, M, map_stride), rows < maps, columns, M, position_stride)
    x = tl.load(x_ptr + offsets, mask=mask, other=0).to(REAL)
    mean = tl.sum(x, axis=1) / M
    d = tl.where(mask, x - mean[:, None], 0.0)
    squares, residual = _sum_pair(d * d, d)
    q = _quarter_inverse(squares, residual, mean, M, E_LAMBDA, EPSILON, SMALLEST)
    d -= residual[:, None] / M
    tl.store(y_ptr + offsets, (x * _gate(d, q[:, None])).to(y_ptr.dtype.element_ty), mask=mask)


@triton.jit
def backward_whole_maps(
    g_ptr, x_ptr, dx_ptr, maps, C, M, map_stride, position_stride, E_LAMBDA: tl.constexpr,
    MAPS: tl.constexpr, POSITIONS: tl.constexpr, REAL: tl.constexpr, EPSILON: tl.constexpr, SMALLEST: tl.constexpr,
):  # fmt: skip
    """Backward for maps that fit into a tile: two reads, one write."""
    rows, columns = tl.program_id(0) * MAPS + tl.arange(0, MAPS), tl.arange(0, POSITIONS)
    mask, offsets = _tile_offsets(_map_offsets(rows, C, M, map_stride), rows < maps, columns, M, position_stride)
    x = tl.load(x_ptr + offsets, mask=mask, other=0).to(REAL)
    g = tl.load(g_ptr + offsets, mask=mask, other=0).to(REAL)
    mean = tl.sum(x, axis=1) / M
    d = tl.where(mask, x - mean[:, None], 0.0)
    squares, residual = _sum_pair(d * d, d)
    q = _quarter_inverse(squares, residual, mean, M, E_LAMBDA, EPSILON, SMALLEST)
    d -= residual[:, None] / M
    s = _gate(d, q[:, None])
    gs = g * s
    h = gs * x * (1 - s)
    sum_hdd, sum_hd = _sum_pair(h * d * d, h * d)
    variance_term = 8 * q * q * sum_hdd / tl.maximum(M - 1, 1)
    mean_term = 2 * q * sum_hd / M
    dx = gs + (2 * q[:, None] * h - variance_term[:, None]) * d - mean_term[:, None]
    tl.store(dx_ptr + offsets, dx.to(dx_ptr.dtype.element_ty), mask=mask)


@triton.jit
def _chunked_statistics(
    x_ptr, map_offsets, row_mask, M, position_stride, E_LAMBDA: tl.constexpr,
    MAPS: tl.constexpr, POSITIONS: tl.constexpr, REAL: tl.constexpr, EPSILON: tl.constexpr, SMALLEST: tl.constexpr,
):  # fmt: skip
    """Mean, error of the rounded mean, and q of maps that are processed in chunks, from one read.

    Each lane accumulates the mean and the sum of squared deviations of the values that it reads (Welford 1962), and the
    lanes are combined at the end. All values are relative to the first value of the map, so a mean far from 0 loses no
    precision unless the first value itself is far from the mean.
    """
    columns = tl.arange(0, POSITIONS)
    origin = tl.load(x_ptr + map_offsets, mask=row_mask, other=0).to(REAL)
    lane_means, squares = tl.zeros((MAPS, POSITIONS), REAL), tl.zeros((MAPS, POSITIONS), REAL)
    for chunk in range(0, tl.cdiv(M, POSITIONS)):
        mask, offsets = _tile_offsets(map_offsets, row_mask, chunk * POSITIONS + columns, M, position_stride)
        value = tl.load(x_ptr + offsets, mask=mask, other=0).to(REAL) - origin[:, None]
        delta = value - lane_means
        lane_means = tl.where(mask, lane_means + delta / (chunk + 1), lane_means)
        squares = tl.where(mask, squares + delta * (value - lane_means), squares)
    lane_counts = tl.cdiv(M - columns, POSITIONS).to(REAL)[None, :]
    relative_mean = tl.sum(lane_counts * lane_means, axis=1) / M
    delta = lane_means - relative_mean[:, None]
    squares = tl.sum(squares + lane_counts * delta * delta, axis=1)
    mean = origin + relative_mean
    mean_error = relative_mean - (mean - origin)
    return mean, mean_error, _quarter_inverse(squares, 0.0, mean, M, E_LAMBDA, EPSILON, SMALLEST)


@triton.jit
def forward_chunked(
    x_ptr, y_ptr, maps, C, M, map_stride, position_stride, E_LAMBDA: tl.constexpr,
    MAPS: tl.constexpr, POSITIONS: tl.constexpr, REAL: tl.constexpr, EPSILON: tl.constexpr, SMALLEST: tl.constexpr,
):  # fmt: skip
    """Forward for maps that do not fit into a tile: two reads, one write."""
    rows, columns = tl.program_id(0) * MAPS + tl.arange(0, MAPS), tl.arange(0, POSITIONS)
    map_offsets, row_mask = _map_offsets(rows, C, M, map_stride), rows < maps
    mean, mean_error, q = _chunked_statistics(
        x_ptr, map_offsets, row_mask, M, position_stride, E_LAMBDA, MAPS, POSITIONS, REAL, EPSILON, SMALLEST
    )
    chunks = tl.cdiv(M, POSITIONS)
    for chunk in range(0, chunks):  # in reverse order, because the caches still hold the last chunks
        columns_of_chunk = (chunks - 1 - chunk) * POSITIONS + columns
        mask, offsets = _tile_offsets(map_offsets, row_mask, columns_of_chunk, M, position_stride)
        x = tl.load(x_ptr + offsets, mask=mask, other=0).to(REAL)
        y = x * _gate(x - mean[:, None] - mean_error[:, None], q[:, None])
        tl.store(y_ptr + offsets, y.to(y_ptr.dtype.element_ty), mask=mask)


@triton.jit
def backward_chunked(
    g_ptr, x_ptr, dx_ptr, maps, C, M, map_stride, position_stride, E_LAMBDA: tl.constexpr,
    MAPS: tl.constexpr, POSITIONS: tl.constexpr, REAL: tl.constexpr, EPSILON: tl.constexpr, SMALLEST: tl.constexpr,
):  # fmt: skip
    """Backward for maps that do not fit into a tile: three reads of x, two of g, one write."""
    rows, columns = tl.program_id(0) * MAPS + tl.arange(0, MAPS), tl.arange(0, POSITIONS)
    map_offsets, row_mask = _map_offsets(rows, C, M, map_stride), rows < maps
    mean, mean_error, q = _chunked_statistics(
        x_ptr, map_offsets, row_mask, M, position_stride, E_LAMBDA, MAPS, POSITIONS, REAL, EPSILON, SMALLEST
    )
    lane_sums_hd, lane_sums_hdd = tl.zeros((MAPS, POSITIONS), REAL), tl.zeros((MAPS, POSITIONS), REAL)
    chunks = tl.cdiv(M, POSITIONS)
    for chunk in range(0, chunks):  # in reverse order, because the caches still hold the last chunks
        columns_of_chunk = (chunks - 1 - chunk) * POSITIONS + columns
        mask, offsets = _tile_offsets(map_offsets, row_mask, columns_of_chunk, M, position_stride)
        x = tl.load(x_ptr + offsets, mask=mask, other=0).to(REAL)
        g = tl.load(g_ptr + offsets, mask=mask, other=0).to(REAL)
        d = x - mean[:, None] - mean_error[:, None]
        s = _gate(d, q[:, None])
        hd = g * x * s * (1 - s) * d
        lane_sums_hd += hd
        lane_sums_hdd += hd * d
    sum_hdd, sum_hd = _sum_pair(lane_sums_hdd, lane_sums_hd)
    variance_term = 8 * q * q * sum_hdd / tl.maximum(M - 1, 1)
    mean_term = 2 * q * sum_hd / M
    for chunk in range(0, chunks):
        mask, offsets = _tile_offsets(map_offsets, row_mask, chunk * POSITIONS + columns, M, position_stride)
        x = tl.load(x_ptr + offsets, mask=mask, other=0).to(REAL)
        g = tl.load(g_ptr + offsets, mask=mask, other=0).to(REAL)
        d = x - mean[:, None] - mean_error[:, None]
        s = _gate(d, q[:, None])
        gs = g * s
        dx = gs + (2 * q[:, None] * gs * x * (1 - s) - variance_term[:, None]) * d - mean_term[:, None]
        tl.store(dx_ptr + offsets, dx.to(dx_ptr.dtype.element_ty), mask=mask)
