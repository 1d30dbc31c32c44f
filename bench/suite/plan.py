"""The plan of a suite: all groups of cells, expanded before anything is measured."""

import itertools
import math
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bench.results.columns import Key, Role
from bench.suite.axes import CELL_AXES, PLACEMENTS, Cell, Choice
from bench.suite.measures import MeasureSpec
from bench.suite.suite import AxisValue, Suite
from simam.registry import ATTENTION, BACKBONES


@dataclass(frozen=True)
class Member:
    """One member of a group.

    Args:
        index: position in the group; 0 is the baseline.
        role: role in the group.
        cell: the cell to build.
    """

    index: int
    role: Role
    cell: Cell


@dataclass(frozen=True)
class Group:
    """All cells that agree on every axis outside the contrast; one measure measures them together.

    Args:
        measure: the measure.
        id: canonical id, like that of a cell, without the contrast.
        baseline: the reference variant.
        variants: the other variants, in the suite's order.
        timed: whether time is measured. A timed group has an A/A control, which is a second build of the baseline, and
            a fresh process for each entry of ``seeds``.
        seeds: one entry per process or replicate: the seed, or None if the measure uses no seeds.
        side_by_side: whether other groups may be measured at the same time.
    """

    measure: MeasureSpec
    id: str
    baseline: Cell
    variants: tuple[Cell, ...]
    timed: bool
    seeds: tuple[int | None, ...]
    side_by_side: bool = False

    @property
    def members(self) -> tuple[Member, ...]:
        """The baseline, the variants and, in a timed group, the A/A control."""
        variants = (Member(index, "variant", cell) for index, cell in enumerate(self.variants, start=1))
        members = (Member(0, "baseline", self.baseline), *variants)
        return (*members, Member(len(members), "control", self.baseline)) if self.timed else members


MAX_CELLS = 100_000
"""Limit on the cells of a grid; a larger number is most likely a mistake in the suite."""

DEFAULT_PLACEMENT = "spatial"
"""The placement that `paper` stands for if a module has no attribute `placement`."""

PROCESS_SECONDS = 4.0
"""Assumed start-up time of a fresh worker. This and the next three assumptions serve time estimates only."""
CELL_SECONDS = 1.0
"""Assumed time of a cell in addition to its timed seconds."""
COUNTING_SECONDS = 0.1
"""Assumed time of a cell whose operations are only counted."""
SWITCHING_FACTOR = 1.35
"""Assumed ratio of sampling time to timed seconds; an untimed iteration follows each switch of variant."""


@dataclass(frozen=True)
class Unit:
    """The unit of work, which is written to disk as a whole: one process (or seed) of one group."""

    group: Group
    repeat: int

    @property
    def seed(self) -> int | None:
        return self.group.seeds[self.repeat]

    def keys(self) -> dict[int, Key]:
        """Index of a member → key of its record, see :attr:`bench.store.record.RecordFields.key`."""
        name, group = self.group.measure.name, self.group.id
        return {member.index: (name, group, member.cell.id, member.role, self.repeat) for member in self.group.members}

    @property
    def expected_seconds(self) -> float:
        """Rough duration: start-up, build, and this process's share of the measure's budget."""
        budget = dict(self.group.measure.options).get("budget", 0.0)
        cells = 1 + len(self.group.variants) + self.group.timed
        start = PROCESS_SECONDS if self.group.timed else 0.0
        cell_seconds = COUNTING_SECONDS if self.group.side_by_side else CELL_SECONDS
        return start + cell_seconds * cells + SWITCHING_FACTOR * float(budget) / len(self.group.seeds)


@dataclass(frozen=True)
class Plan:
    """All groups to measure, in order."""

    suite: Suite
    groups: tuple[Group, ...]

    def units(self) -> Iterator[Unit]:
        """All units, group by group, so that a killed run leaves mostly whole groups."""
        for group in self.groups:
            for repeat in range(len(group.seeds)):
                yield Unit(group, repeat)

    @property
    def notes(self) -> list[str]:
        """Sentences on assumptions that the suite does not state."""
        asked = any(Choice("paper") in grid.get("placement", ()) for grid in self.suite.grids)
        modules = (
            {cell.attention for group in self.groups for cell in group.variants if cell.attention} if asked else set()
        )
        return [
            f"{name} has no attribute `placement`; it is placed at {DEFAULT_PLACEMENT} (choose another with the axis "
            "placement)"
            for name in sorted({module.name for module in modules if _declared_placement(module) is None})
        ]

    def missing(self, keys: Container[Key]) -> list[Unit]:
        """The units of which at least one record is missing.

        Args:
            keys: the keys of the existing records.
        """
        return [unit for unit in self.units() if not all(key in keys for key in unit.keys().values())]


def expand(suite: Suite) -> Plan:
    """Expand a suite's grid and project it onto the axes that each measure depends on.

    Raises:
        SuiteError: a value cannot be used in combination with the others.
    """
    size = sum(math.prod(len(values) for values in grid.values()) for grid in suite.grids)
    if size > MAX_CELLS:
        raise suite.source.error(("axes",), f"the grid has {size} cells; a suite may have at most {MAX_CELLS}")
    seeds: dict[Cell, list[int]] = {}
    for grid in suite.grids:
        for cell in _cells(suite, grid):
            seeds.setdefault(cell, []).extend(seed for seed in grid["seed"] if isinstance(seed, int))
    if len({cell.id for cell in seeds}) < len(seeds):
        raise suite.source.error(
            ("axes",), "two cells have the same id; their options differ only in the type of a value"
        )
    cells = _cells_to_keep(suite, list(seeds))
    measures = _measures_to_keep(suite)
    return Plan(suite, tuple(group for spec in measures for group in _groups(suite, spec, cells, seeds)))


def _cells_to_keep(suite: Suite, cells: list[Cell]) -> list[Cell]:
    """The cells that `only` keeps; it names a value by its label, with or without options."""
    for axis, wanted in suite.only.items():
        if axis == "measure":
            continue
        for value in wanted:
            if not any(_matches(suite, cell, axis, value) for cell in cells):
                existing = ", ".join(dict.fromkeys(str(getattr(cell, axis)) for cell in cells))
                raise suite.source.error(("only", axis), f"no cell has {axis} {value}; the values are {existing}")
        cells = [cell for cell in cells if any(_matches(suite, cell, axis, value) for value in wanted)]
    return cells


def _matches(suite: Suite, cell: Cell, axis: str, wanted: str) -> bool:
    value = getattr(cell, axis)
    if axis == "placement" and wanted == "paper" and value is not None:
        return bool(value == _placement(suite, replace(cell, placement=Choice("paper"))))
    return wanted == str(value) or (isinstance(value, Choice) and wanted == value.name)


def _measures_to_keep(suite: Suite) -> tuple[MeasureSpec, ...]:
    wanted = suite.only.get("measure", tuple(spec.name for spec in suite.measures))
    existing = [spec.name for spec in suite.measures]
    for name in wanted:
        if name not in existing:
            raise suite.source.error(
                ("only", "measure"), f"the suite has no measure {name}; it has {', '.join(existing)}"
            )
    return tuple(spec for spec in suite.measures if spec.name in wanted)


def _cells(suite: Suite, grid: Mapping[str, tuple[AxisValue, ...]]) -> Iterator[Cell]:
    axes = [name for name in CELL_AXES if name in grid]
    for point in itertools.product(*(grid[name] for name in axes)):
        yield _resolve(suite, Cell(**dict(zip(axes, point, strict=True))))  # type: ignore[arg-type]


def _resolve(suite: Suite, cell: Cell) -> Cell:
    """Fill in the placement of `paper`, the native resolution and the default dataset."""
    assert cell.backbone is not None and cell.attention is not None  # every grid has both axes
    return replace(
        cell,
        placement=_placement(suite, cell),
        resolution=cell.resolution or _resolution(suite, cell.backbone),
        dataset=cell.dataset or Choice("digits"),
    )


def _is_plain(attention: Choice) -> bool:
    """Whether the network has no attention module."""
    entry = ATTENTION.get(attention.name)
    return entry is not None and entry.placement is None


def _placement(suite: Suite, cell: Cell) -> Choice | None:
    """The placement of a cell: `paper` looked up, None without a module, `spatial` for an equivalent `branch_end`."""
    attention, placement = cell.attention, cell.placement
    if attention is None:
        return placement
    if _is_plain(attention):
        if attention.options:
            raise suite.source.error(("axes", "attention"), f"{attention.name!r} takes no options, not {attention}")
        return None
    if placement == Choice("paper"):
        placement = _paper_placement(suite, attention)
    backbone = BACKBONES.get(cell.backbone.name) if cell.backbone else None
    if backbone is not None and backbone.placements_coincide and placement == Choice("branch_end"):
        return Choice("spatial")
    return placement


def _paper_placement(suite: Suite, attention: Choice) -> Choice:
    placement = _declared_placement(attention) or DEFAULT_PLACEMENT
    if placement not in PLACEMENTS[1:]:
        raise suite.source.error(
            ("axes", "placement"),
            f"{attention.name} has the attribute placement = {placement!r}; it must be spatial or branch_end",
        )
    return Choice(placement)


def _declared_placement(attention: Choice) -> Any:
    """The placement of a registered module, or the attribute `placement` of a user's module; None without one."""
    entry = ATTENTION.get(attention.name)
    return entry.placement if entry else getattr(ATTENTION.load(attention.name), "placement", None)


def _resolution(suite: Suite, backbone: Choice) -> int:
    entry = BACKBONES.get(backbone.name)
    side = entry.resolution if entry else getattr(BACKBONES.load(backbone.name), "resolution", None)
    if not isinstance(side, int):
        raise suite.source.error(
            ("axes", "backbone"),
            f"{backbone.name} has no attribute `resolution`; add the axis, as in resolution: [224]",
        )
    return side


def _groups(suite: Suite, spec: MeasureSpec, cells: list[Cell], seeds: Mapping[Cell, list[int]]) -> Iterator[Group]:
    measure: Any = spec.build()
    grouped: dict[Cell, dict[Cell, None]] = {}
    seeded: dict[Cell, dict[int, None]] = {}
    for cell in cells:
        projected = cell.project(measure.axes)
        grouped.setdefault(projected.without(suite.contrast), {})[projected] = None
    # Cells that `only` leaves out count too, so that a process has the same seed in every part of a suite.
    for cell, cell_seeds in seeds.items():
        seeded.setdefault(cell.project(measure.axes).without(suite.contrast), {}).update(dict.fromkeys(cell_seeds))
    repeats = (None,) * getattr(measure, "repeats", 1)
    groups = [
        _group(
            suite, spec, measure, shared, list(members), tuple(seeded[shared]) if "seed" in measure.axes else repeats
        )
        for shared, members in grouped.items()
    ]
    # A lone baseline without a value on a shared axis (the placement of `none`) is in the other groups already.
    needed = {group.baseline for group in groups if group.variants}
    yield from (group for group in groups if group.variants or group.baseline not in needed)


def _group(
    suite: Suite, spec: MeasureSpec, measure: Any, shared: Cell, members: list[Cell], seeds: tuple[int | None, ...]
) -> Group:
    if "threads" in suite.contrast and "threads" in measure.axes and any(cell.threads is None for cell in members):
        raise suite.source.error(
            ("axes", "threads"), "threads are compared, so every cell must give a number of threads"
        )
    baseline = _baseline(suite, shared).project(measure.axes)
    variants = tuple(cell for cell in members if cell != baseline)
    side_by_side = getattr(measure, "side_by_side", False)
    return Group(spec, shared.id, baseline, variants, measure.timed, seeds, side_by_side)


def _baseline(suite: Suite, shared: Cell) -> Cell:
    """The baseline of a group: the shared values, and the suite's baseline values on the contrast."""
    cell = replace(shared, **suite.baseline)  # type: ignore[arg-type]
    cell = replace(cell, placement=_placement(suite, cell))
    optional = {"placement"} if cell.attention is None or _is_plain(cell.attention) else set()
    missing = [name for name in suite.contrast if getattr(cell, name) is None and name not in optional]
    if missing:
        raise suite.source.error(
            ("baseline",), f"the baseline has no value for {' and '.join(missing)} of the contrast; add one"
        )
    return cell
