"""Which tile of maps by positions a program of the GPU's kernels takes, and with how many warps."""

from dataclasses import dataclass

import triton

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
