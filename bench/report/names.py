"""What people call modules and networks."""

from simam.registry import ATTENTION, BACKBONES, Entry, Registry

_CONDITIONS = {"batch": "batch {}", "resolution": "{} px", "threads": "threads {}"}


def module_name(label: str | None) -> str:
    """`simam(e_lambda=0.1)` → "SimAM (e_lambda=0.1)"."""
    return _name(ATTENTION, label)


def placed_name(attention: str | None, placement: str | None) -> str:
    """The module's name, and its place where it has one: "SimAM at spatial"."""
    return f"{module_name(attention)}{f' at {placement}' if placement else ''}"


def network_name(label: str | None) -> str:
    return _name(BACKBONES, label)


def condition_name(axis: str, value: object) -> str:
    """A value of an axis, with what is needed to know which axis it is of: "batch 32", "224 px", "eager"."""
    return _CONDITIONS.get(axis, "{}").format(value)


def _name(registry: Registry[Entry], label: str | None) -> str:
    name, bracket, options = (label or "").partition("(")
    return registry.title(name) + (f" ({options}" if bracket else "")
