"""Validation of options that several attention modules share. Errors name the option and its value."""

import math


def reduced_channels(channels: int, reduction: int) -> int:
    """Number of bottleneck channels, ``channels // reduction``.

    Raises:
        ValueError: ``reduction`` is not a whole number from 1 to ``channels``.
    """
    check_positive("reduction", reduction)
    if reduction > channels:
        raise ValueError(f"reduction must be at most the number of channels, {channels}, not {reduction}")
    return channels // reduction


def reduced_channels_at_least(minimum: int, channels: int, reduction: int) -> int:
    """Number of bottleneck channels of modules that set a minimum, ``max(minimum, channels // reduction)``.

    Raises:
        ValueError: ``reduction`` is not a whole number from 1.
    """
    check_positive("reduction", reduction)
    return max(minimum, channels // reduction)


def common_groups(channels: int, groups: int) -> int:
    """Number of groups that divides ``channels``: the greatest common divisor of ``channels`` and ``groups``.

    It is ``groups`` itself for the widths that the authors of a module use.

    Raises:
        ValueError: ``groups`` is not a whole number from 1.
    """
    check_positive("groups", groups)
    return math.gcd(channels, groups)


def check_multiple(channels: int, divisor: int) -> None:
    """Check that the number of channels can be divided.

    Raises:
        ValueError: ``channels`` is no multiple of ``divisor``.
    """
    if channels < 1 or channels % divisor:
        raise ValueError(f"the number of channels must be a multiple of {divisor}, not {channels}")


def check_kernel_size(kernel_size: int) -> None:
    """Check that a kernel size is odd, so that a padded convolution keeps the size of its input.

    Raises:
        ValueError: ``kernel_size`` is not a whole number, is even or is below 1.
    """
    _check_whole_number("kernel_size", kernel_size)
    if kernel_size < 1 or kernel_size % 2 == 0:
        raise ValueError(f"kernel_size must be odd and at least 1, not {kernel_size}")


def check_positive(option: str, value: int) -> None:
    """Check that an option is a whole number from 1.

    Raises:
        ValueError: ``value`` is not a whole number, or is below 1.
    """
    _check_whole_number(option, value)
    if value < 1:
        raise ValueError(f"{option} must be 1 or more, not {value}")


def check_choice(option: str, value: object, choices: tuple[str, ...]) -> None:
    """Check that an option is one of its named values.

    Raises:
        ValueError: ``value`` is none of ``choices``.
    """
    if value not in choices:
        raise ValueError(f"{option} must be one of {', '.join(choices)}, not {value!r}")


def _check_whole_number(option: str, value: object) -> None:
    # bool is a subclass of int, but True is no meaningful size.
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{option} must be a whole number, not {value!r}")
