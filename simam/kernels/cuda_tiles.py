"""Selection of the tile, maps by positions, that one program of the GPU kernels processes, and of its warps.

The constants were measured on an H200 with the sizes of ResNet-50 and ResNet-20; see docs/decisions/0013.
"""

from dataclasses import dataclass

import triton

MAX_WHOLE_TILE_ELEMENTS = 8192
"""Maximum size of a tile that covers all positions of its maps and is held in registers, in elements."""

MIN_WHOLE_TILE_ELEMENTS = 512
MIN_WHOLE_TILE_ELEMENTS_CHANNELS_LAST = 2048
"""Minimum size of a tile that covers all positions of its maps, in elements. Several small maps share one tile."""

MIN_WHOLE_TILE_CHANNELS = 8
"""Minimum number of adjacent channels of a channels-last tile in registers: in float32, one sector of 32 bytes."""

CHUNK_CHANNELS = 32
"""Number of adjacent channels of a channels-last chunk: in float32, one cache line of 128 bytes.

Chunks are read more than once, and a program that uses whole lines finds them in the cache the second time.
"""

CHUNK_ELEMENTS = 4096
CHUNK_ELEMENTS_CHANNELS_LAST = 2048
"""Size of a tile that covers some of the positions of its maps, in elements."""

WHOLE_TILE_ELEMENTS_PER_THREAD = 16
CHUNK_ELEMENTS_PER_THREAD = 8
"""Number of elements per thread that determines the number of warps, up to :data:`MAX_WARPS`."""

MAX_WARPS = 8
"""Maximum number of warps per program.

With more warps, the synchronisation of the sums costs more than the warps gain. With fewer, backward spills registers.
"""


@dataclass(frozen=True)
class Tile:
    """Part of the input that one program processes at a time.

    Args:
        maps: number of maps per program.
        positions: number of positions per map in one step of the program; a power of two.
        whole_maps: whether ``positions`` covers all positions of a map.
        warps: number of warps per program.
    """

    maps: int
    positions: int
    whole_maps: bool
    warps: int


def select_tile(positions: int, channels: int, channels_last: bool) -> Tile:
    """Tile for maps with a number of positions. Its sizes are powers of two, as Triton requires."""
    padded_positions, padded_channels = triton.next_power_of_2(positions), triton.next_power_of_2(channels)
    min_maps = min(MIN_WHOLE_TILE_CHANNELS, padded_channels) if channels_last else 1
    if min_maps * padded_positions > MAX_WHOLE_TILE_ELEMENTS:
        maps = min(CHUNK_CHANNELS, padded_channels) if channels_last else 1
        elements = CHUNK_ELEMENTS_CHANNELS_LAST if channels_last else CHUNK_ELEMENTS
        return Tile(maps, elements // maps, False, _warps(elements, CHUNK_ELEMENTS_PER_THREAD))
    min_elements = MIN_WHOLE_TILE_ELEMENTS_CHANNELS_LAST if channels_last else MIN_WHOLE_TILE_ELEMENTS
    maps = max(min_maps, min_elements // padded_positions)
    return Tile(maps, padded_positions, True, _warps(maps * padded_positions, WHOLE_TILE_ELEMENTS_PER_THREAD))


def _warps(elements: int, elements_per_thread: int) -> int:
    return min(MAX_WARPS, max(1, elements // (32 * elements_per_thread)))
