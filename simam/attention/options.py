"""Checks that the attention modules share; each raises a ValueError that names the option."""


def reduced(channels: int, reduction: int) -> int:
    """Channels of a bottleneck that divides them by ``reduction``."""
    _require_whole("reduction", reduction)
    if reduction < 1:
        raise ValueError(f"reduction must be 1 or more, not {reduction}")
    if reduction > channels:
        raise ValueError(f"reduction must be at most the number of channels, {channels}, not {reduction}")
    return channels // reduction


def odd_kernel(name: str, size: int) -> int:
    """A kernel size with a middle."""
    _require_whole(name, size)
    if size < 1 or size % 2 == 0:
        raise ValueError(f"{name} must be odd and at least 1, not {size}")
    return size


def _require_whole(name: str, number: object) -> None:
    if not isinstance(number, int) or isinstance(number, bool):
        raise ValueError(f"{name} must be a whole number, not {number!r}")
