"""Time estimates for units of work: from earlier runs if there are any, otherwise from the plan."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from statistics import median
from typing import TypeAlias

from bench.errors import RunError
from bench.store.record import MeasuredRecord
from bench.store.stored_run import StoredRun
from bench.suite.axes import Cell
from bench.suite.datasets import DATASETS
from bench.suite.measures import MeasureSpec
from bench.suite.plan import Unit

MAX_RUNS = 50
"""Maximum number of earlier runs that are read, the newest first."""

GroupKey: TypeAlias = tuple[MeasureSpec, str]
"""A measure with its options, and the id of a group."""


@dataclass(frozen=True)
class TimeEstimates:
    """Estimates of the seconds that units of work take. Call it with a unit.

    Args:
        earlier: median seconds of a unit in earlier runs, by measure with its options and group.
    """

    earlier: Mapping[GroupKey, float] = field(default_factory=dict)

    def __call__(self, unit: Unit) -> float:
        if self.knows(unit):
            return self.earlier[unit.group.measure, unit.group.id]
        return unit.expected_seconds + sum(training_seconds(unit.group.measure, cell) for cell in cells_of(unit))

    def knows(self, unit: Unit) -> bool:
        """Whether the estimate is from earlier runs."""
        return (unit.group.measure, unit.group.id) in self.earlier


TRAINING_RATES = {"cpu": 25e9, "cuda": 3e12}
"""Assumed multiply-adds per second of training, for a CPU core and for a GPU; a rough guess."""
TRAINING_FACTOR = 3
"""Multiply-adds of a training step over those of its forward pass."""


def cells_of(unit: Unit) -> tuple[Cell, ...]:
    """The cells of a unit, without the A/A control."""
    return unit.group.baseline, *unit.group.variants


@cache
def training_seconds(spec: MeasureSpec, cell: Cell) -> float:
    """The estimated training time of a cell on this machine, from its multiply-adds; 0 if nothing is trained.

    It is also 0 if the number of images is unknown or the network cannot be built. Imports torch if anything is
    trained.
    """
    measure = spec.build()
    training_images = getattr(measure, "training_images", None)
    entry = DATASETS.get(cell.dataset.name) if training_images and cell.dataset else None
    if training_images is None or entry is None or entry.images is None:
        return 0.0
    import torch

    from bench.measure.complexity import count_costs
    from bench.run.workload import build_workload

    image = replace(cell, dataset=None, mode="inference", batch=1, resolution=entry.side)
    try:
        macs = count_costs(build_workload(image, 0, "meta")).total.macs
    except Exception:  # the checks before the run report it
        return 0.0
    cuda = torch.cuda.is_available()
    rate = TRAINING_RATES["cuda"] if cuda else TRAINING_RATES["cpu"] * torch.get_num_threads()
    return TRAINING_FACTOR * float(macs * training_images(entry.images)) / rate


def estimates_from(runs: Path) -> TimeEstimates:
    """Time estimates from the runs in a folder; runs that cannot be read are ignored."""
    newest = sorted(runs.glob("*/records.jsonl"), key=lambda path: path.stat().st_mtime)[-MAX_RUNS:]
    seconds: dict[GroupKey, list[float]] = {}
    for path in newest:
        for key, unit_seconds in _unit_seconds(path.parent):
            seconds.setdefault(key, []).append(unit_seconds)
    return TimeEstimates({key: median(unit_seconds) for key, unit_seconds in seconds.items()})


def _unit_seconds(folder: Path) -> list[tuple[GroupKey, float]]:
    """The seconds that each unit of a run took, from its start to its last record."""
    try:
        run = StoredRun.load(folder)
        specs = {name: MeasureSpec(name, tuple(sorted(options.items()))) for name, options in run.measures.items()}
        hash(tuple(specs.values()))
    except (RunError, TypeError):  # TypeError: an option is not a plain value
        return []
    elapsed: dict[tuple[str, str, int], float] = {}
    training: dict[tuple[str, str, int], float] = {}
    for record in run.records:
        if isinstance(record, MeasuredRecord) and record.measure in specs:
            unit = record.measure, record.group, record.repeat
            elapsed[unit] = max(elapsed.get(unit, 0.0), record.elapsed)
            training[unit] = training.get(unit, 0.0) + _epoch_seconds(record)
    # A unit that was resumed from checkpoints took less time than its training.
    return [((specs[unit[0]], unit[1]), max(seconds, training[unit])) for unit, seconds in elapsed.items()]


def _epoch_seconds(record: MeasuredRecord) -> float:
    """Seconds of all epochs in a record."""
    epochs = (value.samples for value in record.values if value.name == "epoch_time")
    return sum(seconds or 0.0 for samples in epochs for seconds in samples)
