"""Validation of options that several attention modules share. Errors name the option and its value."""


def reduced_channels(channels: int, reduction: int) -> int:
    """Number of bottleneck channels, ``channels // reduction``.

    Raises:
        ValueError: ``reduction`` is not a whole number from 1 to ``channels``.
    """
    _check_whole_number("reduction", reduction)
    if reduction < 1:
        raise ValueError(f"reduction must be 1 or more, not {reduction}")
    if reduction > channels:
        raise ValueError(f"reduction must be at most the number of channels, {channels}, not {reduction}")
    return channels // reduction


def check_kernel_size(kernel_size: int) -> None:
    """Check that a kernel size is odd, so that a padded convolution keeps the size of its input.

    Raises:
        ValueError: ``kernel_size`` is not a whole number, is even or is below 1.
    """
    _check_whole_number("kernel_size", kernel_size)
    if kernel_size < 1 or kernel_size % 2 == 0:
        raise ValueError(f"kernel_size must be odd and at least 1, not {kernel_size}")


def _check_whole_number(option: str, value: object) -> None:
    # bool is a subclass of int, but True is no meaningful size.
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{option} must be a whole number, not {value!r}")
