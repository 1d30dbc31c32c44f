"""Suite → Plan: every group of cells, expanded before anything is measured."""

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bench.suite.axes import CELL_AXES, PLACEMENTS, Cell, Choice
from bench.suite.measures import MeasureSpec
from bench.suite.suite import AxisValue, Suite
from simam.registry import ATTENTION, BACKBONES


@dataclass(frozen=True)
class Group:
    """All cells that agree on every axis outside the contrast, to be measured together by one measure.

    Args:
        measure: what measures them.
        id: canonical, like a cell's, without the contrast.
        baseline: the reference variant.
        variants: the other variants, in the suite's order.
        timed: whether time is measured: then a second build of the baseline, the twin, is measured beside it as the
            A/A control, and each repeat has a process of its own.
        seeds: one entry a repeat; the seed of a replicate, or None where the measure reads none.
        side_by_side: whether other groups may be measured at the same time.
    """

    measure: MeasureSpec
    id: str
    baseline: Cell
    variants: tuple[Cell, ...]
    timed: bool
    seeds: tuple[int | None, ...]
    side_by_side: bool = False


MOST_CELLS = 100_000
"""Of a suite's grid; more is a slip of the pen."""

PROCESS_SECONDS, CELL_SECONDS, COUNTING_SECONDS, SWITCHING = 4.0, 1.0, 0.1, 1.5
"""What a fresh worker takes to start, what a cell takes beside its timed seconds or when it is only counted, and how
much longer the timed seconds take with the untimed iteration after each switch; only a guess, for the time that is
left."""


@dataclass(frozen=True)
class Unit:
    """The unit of work and of flushing: one repeat of one group."""

    group: Group
    repeat: int

    @property
    def seed(self) -> int | None:
        return self.group.seeds[self.repeat]

    @property
    def expected_seconds(self) -> float:
        """About how long it takes: start, build, and this repeat's share of the measure's budget."""
        budget = dict(self.group.measure.options).get("budget", 0.0)
        cells = 1 + len(self.group.variants) + self.group.timed
        start = PROCESS_SECONDS if self.group.timed else 0.0
        each = COUNTING_SECONDS if self.group.side_by_side else CELL_SECONDS
        return start + each * cells + SWITCHING * float(budget) / len(self.group.seeds)


@dataclass(frozen=True)
class Plan:
    """All there is to measure, in order."""

    suite: Suite
    groups: tuple[Group, ...]

    def units(self) -> Iterator[Unit]:
        """Group by group, so that what a killed run leaves behind is whole groups."""
        for group in self.groups:
            for repeat in range(len(group.seeds)):
                yield Unit(group, repeat)


def expand(suite: Suite) -> Plan:
    """Expand a suite's grid and project it onto the axes that each measure reads.

    Raises:
        SuiteError: a value that only its combination with others shows to be unusable.
    """
    size = sum(math.prod(len(values) for values in grid.values()) for grid in suite.grids)
    if size > MOST_CELLS:
        raise suite.source.error(("axes",), f"the grid has {size} cells; at most {MOST_CELLS} are planned at once")
    seeds: dict[Cell, list[int]] = {}
    for grid in suite.grids:
        for cell in _cells(suite, grid):
            seeds.setdefault(cell, []).extend(seed for seed in grid["seed"] if isinstance(seed, int))
    if len({cell.id for cell in seeds}) < len(seeds):
        raise suite.source.error(
            ("axes",), "two cells have the same id; give options that differ in more than their type"
        )
    cells = _kept(suite, list(seeds))
    measures = _kept_measures(suite)
    return Plan(suite, tuple(group for spec in measures for group in _groups(suite, spec, cells, seeds)))


def _kept(suite: Suite, cells: list[Cell]) -> list[Cell]:
    """The cells that `only` keeps: by the whole label of a value, or by the name without its options."""
    for axis, wanted in suite.only.items():
        if axis == "measure":
            continue
        for value in wanted:
            if not any(_matches(suite, cell, axis, value) for cell in cells):
                there = ", ".join(dict.fromkeys(str(getattr(cell, axis)) for cell in cells))
                raise suite.source.error(("only", axis), f"no cell has {axis} {value}; there is {there}")
        cells = [cell for cell in cells if any(_matches(suite, cell, axis, value) for value in wanted)]
    return cells


def _matches(suite: Suite, cell: Cell, axis: str, wanted: str) -> bool:
    value = getattr(cell, axis)
    if axis == "placement" and wanted == "paper" and value is not None:
        return bool(value == _placement(suite, replace(cell, placement=Choice("paper"))))
    return wanted == str(value) or (isinstance(value, Choice) and wanted == value.name)


def _kept_measures(suite: Suite) -> tuple[MeasureSpec, ...]:
    wanted = suite.only.get("measure", tuple(spec.name for spec in suite.measures))
    there = [spec.name for spec in suite.measures]
    for name in wanted:
        if name not in there:
            raise suite.source.error(("only", "measure"), f"the suite has no measure {name}; it has {', '.join(there)}")
    return tuple(spec for spec in suite.measures if spec.name in wanted)


def _cells(suite: Suite, grid: Mapping[str, tuple[AxisValue, ...]]) -> Iterator[Cell]:
    axes = [name for name in CELL_AXES if name in grid]
    for point in itertools.product(*(grid[name] for name in axes)):
        yield _normal(suite, Cell(**dict(zip(axes, point, strict=True))))  # type: ignore[arg-type]


def _normal(suite: Suite, cell: Cell) -> Cell:
    """The cell with `paper`, the native resolution and the default data filled in, None where an axis means nothing."""
    assert cell.backbone is not None and cell.attention is not None  # every grid has both axes
    return replace(
        cell,
        placement=_placement(suite, cell),
        resolution=cell.resolution or _resolution(suite, cell.backbone),
        dataset=cell.dataset or Choice("digits"),
    )


def _is_none(attention: Choice) -> bool:
    """Whether this is the plain network: a registered module that goes nowhere."""
    entry = ATTENTION.get(attention.name)
    return entry is not None and entry.placement is None


def _placement(suite: Suite, cell: Cell) -> Choice | None:
    """Where a cell's module goes: `paper` looked up, None for the plain network, one name where two are one place."""
    attention, placement = cell.attention, cell.placement
    if attention is None:
        return placement
    if _is_none(attention):
        if attention.options:
            raise suite.source.error(("axes", "attention"), f"{attention.name!r} takes no options, not {attention}")
        return None
    if placement == Choice("paper"):
        placement = _paper_placement(suite, attention)
    backbone = BACKBONES.get(cell.backbone.name) if cell.backbone else None
    if backbone is not None and backbone.one_place and placement == Choice("branch_end"):
        return Choice("spatial")
    return placement


def _paper_placement(suite: Suite, attention: Choice) -> Choice:
    entry = ATTENTION.get(attention.name)
    place = entry.placement if entry else getattr(ATTENTION.load(attention.name), "placement", None)
    if place not in PLACEMENTS[1:]:
        raise suite.source.error(
            ("axes", "placement"),
            f"{attention.name} has no `placement` of its own, so `paper` says nothing; write [spatial] or [branch_end]",
        )
    return Choice(place)


def _resolution(suite: Suite, backbone: Choice) -> int:
    entry = BACKBONES.get(backbone.name)
    side = entry.resolution if entry else getattr(BACKBONES.load(backbone.name), "resolution", None)
    if not isinstance(side, int):
        raise suite.source.error(
            ("axes", "backbone"),
            f"{backbone.name} has no attribute `resolution`; give the axis, as in resolution: [224]",
        )
    return side


def _groups(suite: Suite, spec: MeasureSpec, cells: list[Cell], seeds: Mapping[Cell, list[int]]) -> Iterator[Group]:
    measure: Any = spec.build()
    grouped: dict[Cell, dict[Cell, None]] = {}
    seeded: dict[Cell, dict[int, None]] = {}
    for cell in cells:
        projected = cell.project(measure.axes)
        grouped.setdefault(projected.without(suite.contrast), {})[projected] = None
    for cell, own in seeds.items():  # also of what `only` leaves out, so that a repeat has the same seed in any part
        seeded.setdefault(cell.project(measure.axes).without(suite.contrast), {}).update(dict.fromkeys(own))
    repeats = (None,) * getattr(measure, "repeats", 1)
    groups = [
        _group(
            suite, spec, measure, shared, list(members), tuple(seeded[shared]) if "seed" in measure.axes else repeats
        )
        for shared, members in grouped.items()
    ]
    # A baseline on which a shared axis means nothing (placement of `none`) is in every group already.
    needed = {group.baseline for group in groups if group.variants}
    yield from (group for group in groups if group.variants or group.baseline not in needed)


def _group(
    suite: Suite, spec: MeasureSpec, measure: Any, shared: Cell, members: list[Cell], seeds: tuple[int | None, ...]
) -> Group:
    if "threads" in suite.contrast and "threads" in measure.axes and any(cell.threads is None for cell in members):
        raise suite.source.error(("axes", "threads"), "where numbers of threads are compared, every cell must give one")
    baseline = _baseline(suite, shared).project(measure.axes)
    variants = tuple(cell for cell in members if cell != baseline)
    side_by_side = getattr(measure, "side_by_side", False)
    return Group(spec, shared.id, baseline, variants, measure.timed, seeds, side_by_side)


def _baseline(suite: Suite, shared: Cell) -> Cell:
    """The group's reference: what the group shares, and the suite's baseline on the contrast."""
    cell = replace(shared, **suite.baseline)  # type: ignore[arg-type]
    cell = replace(cell, placement=_placement(suite, cell))
    may_be_open = {"placement"} if cell.attention is None or _is_none(cell.attention) else set()
    missing = [name for name in suite.contrast if getattr(cell, name) is None and name not in may_be_open]
    if missing:
        raise suite.source.error(("baseline",), f"it leaves {' and '.join(missing)} of the contrast open; give a value")
    return cell
