"""Names of modules, networks, conditions and values as a report prints them."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from bench.results.estimates import Comparison
from bench.results.values import ValueSpec
from simam.registry import ATTENTION, BACKBONES, Entry, Registry

CONDITIONS = ("mode", "execution", "batch", "resolution", "dtype", "memory_format", "threads")
"""The axes that describe how a network is run."""
USUAL = {"execution": "eager", "dtype": "fp32", "memory_format": "contiguous"}
"""Conditions that need no mention, and that are shown first if several were measured."""
_BRACKETS = {"difference": " (Δ)", "ratio": " (×)"}
_PATTERNS = {"batch": "batch {}", "resolution": "{} px", "threads": "threads {}"}


def module_name(label: str | None) -> str:
    """The title of an attention module with its options: `simam(e_lambda=0.1)` becomes "SimAM (e_lambda=0.1)"."""
    return _title(ATTENTION, label)


def placed_name(attention: str | None, placement: str | None) -> str:
    """The module's name with its placement, if it has one: "SimAM at spatial"."""
    return f"{module_name(attention)}{f' at {placement}' if placement else ''}"


Placed = TypeVar("Placed", bound=tuple[Any, ...])


def module_names(rows: Iterable[Placed]) -> dict[Placed, str]:
    """Row → its module, with the placement if its block has several placements of that module.

    Args:
        rows: tuples whose last entries are attention and placement; the entries before them identify the block.
    """
    placements: dict[tuple[Any, ...], set[str | None]] = {}
    distinct = list(rows)
    for row in distinct:
        placements.setdefault(row[:-1], set()).add(row[-1])
    return {
        row: placed_name(row[-2], row[-1]) if len(placements[row[:-1]]) > 1 else module_name(row[-2])
        for row in distinct
    }


def variant_name(comparison: Comparison) -> str:
    """The name of a variant's module with its placement, if it has one."""
    return placed_name(comparison.axes["attention"], comparison.axes["placement"])


def network_name(label: str | None) -> str:
    """The title of a backbone with its options."""
    return _title(BACKBONES, label)


def run_name(run: str) -> str:
    """The folder of a run without the path to it."""
    return Path(run).resolve().name


def condition_name(axis: str, value: object) -> str:
    """A value of an axis, recognisable without the axis' name: "batch 32", "224 px", "eager"."""
    return _PATTERNS.get(axis, "{}").format(value)


def shared_conditions(one: Comparison, other: Comparison) -> str:
    """The conditions that both were measured under; the default memory format is left out."""
    shared = (axis for axis in CONDITIONS if one.axes[axis] == other.axes[axis] not in (None, "contiguous"))
    return ", ".join(condition_name(axis, one.axes[axis]) for axis in shared)


def panel_name(group: Sequence[Comparison], several_runs: bool) -> str:
    """The network and the conditions that the members of a group share, and the run if there are several."""
    first = group[0]
    shared = [axis for axis in CONDITIONS if first.axes[axis] not in (None, "contiguous") and not _varies(axis, group)]
    conditions = ", ".join(condition_name(axis, first.axes[axis]) for axis in shared)
    return f"{network_name(first.axes['backbone'])}: {conditions}{f', {run_name(first.run)}' if several_runs else ''}"


def member_name(comparison: Comparison, group: Sequence[Comparison]) -> str:
    """The name of a member of a group: its module, its placement, and the conditions that vary within the group."""
    if comparison.role == "control":
        return "A/A control"
    varying = (condition_name(axis, comparison.axes[axis]) for axis in CONDITIONS if _varies(axis, group))
    return ", ".join([variant_name(comparison), *varying])


def _varies(axis: str, group: Sequence[Comparison]) -> bool:
    return any(member.axes[axis] != group[0].axes[axis] for member in group)


def _title(registry: Registry[Entry], label: str | None) -> str:
    name, bracket, options = (label or "").partition("(")
    return registry.title(name) + (f" ({options}" if bracket else "")


def value_heading(spec: ValueSpec) -> str:
    """The heading of a value's column: its title, and the meaning of the brackets beside the value."""
    if spec.unit == "s":
        return f"{spec.title} (p5–p95)"
    return f"{spec.title}{_BRACKETS.get(spec.shown, '')}"


def change_heading(spec: ValueSpec) -> str:
    """The heading of the column with a time's change relative to the baseline."""
    return f"{spec.title} Δ % [95 % CI]"
