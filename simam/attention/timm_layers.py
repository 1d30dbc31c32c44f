"""Attention layers of timm by the names that timm gives them: ``timm:se``, ``timm:eca``, ``timm:cbam``, ``timm:gc`` …

timm is optional: ``pip install 'simam-bench[timm]'``. Its layers have their own options, such as ``rd_ratio``.
"""

from collections.abc import Callable

from torch import nn

from simam.registry import UnknownNameError, did_you_mean


def timm_layer(name: str) -> Callable[..., nn.Module]:
    """The factory of timm's attention layer with a name, a callable whose first argument is the number of channels.

    Raises:
        UnknownNameError: timm is not installed, or has no attention layer with that name.
    """
    try:
        from timm.layers import get_attn
    except ImportError as error:
        raise UnknownNameError(
            f"cannot load attention 'timm:{name}': {error}; install timm with pip install 'simam-bench[timm]'"
        ) from error
    names = _known_names(get_attn)
    if name not in names:
        raise UnknownNameError(f"timm has no attention layer {name!r}; {did_you_mean(name, names)}")
    factory: Callable[..., nn.Module] = get_attn(name)
    return factory


def _known_names(get_attn: Callable[[str], object]) -> list[str]:
    """The names that timm's factory accepts.

    timm has no list of them. They are among the strings that the factory's code compares its argument with.
    """
    strings = [constant for constant in get_attn.__code__.co_consts if isinstance(constant, str)]
    return [string for string in strings if _accepts(get_attn, string)]


def _accepts(get_attn: Callable[[str], object], name: str) -> bool:
    try:
        return bool(name) and get_attn(name) is not None
    except (AssertionError, ValueError):
        return False
