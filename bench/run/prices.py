"""What a unit of work takes: from earlier runs where there are any, else a guess."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from bench.results.record import Record, read_records
from bench.suite.axes import Cell
from bench.suite.datasets import DATASETS
from bench.suite.measures import MeasureSpec
from bench.suite.plan import Unit

MOST_RUNS = 50
"""Of the newest that are looked at."""


@dataclass(frozen=True)
class Prices:
    """Seconds of a unit: the median of the same measure, with the same options, of the same group; else a guess."""

    known: Mapping[tuple[MeasureSpec, str], float] = field(default_factory=dict)

    def __call__(self, unit: Unit) -> float:
        if self.knows(unit):
            return self.known[unit.group.measure, unit.group.id]
        return unit.expected_seconds + sum(training_seconds(unit.group.measure, cell) for cell in cells_of(unit))

    def knows(self, unit: Unit) -> bool:
        return (unit.group.measure, unit.group.id) in self.known


RATES = {"cpu": 25e9, "cuda": 3e12}
"""Multiply-adds a second that training is taken to reach, per CPU core and per GPU: only a guess, for a first idea."""
BACKWARD = 3
"""A training step's multiply-adds over those of its forward pass."""


def cells_of(unit: Unit) -> tuple[Cell, ...]:
    return unit.group.baseline, *unit.group.variants


@cache
def training_seconds(spec: MeasureSpec, cell: Cell) -> float:
    """About how long a cell's training takes here, by its multiply-adds; 0 for what trains nothing.

    Imports torch for what does. Images whose number nobody knows count as none.
    """
    measure = spec.build()
    learned = getattr(measure, "images_learned", None)
    entry = DATASETS.get(cell.dataset.name) if learned and cell.dataset else None
    if learned is None or entry is None or entry.images is None:
        return 0.0
    import torch

    from bench.measure.complexity import count
    from bench.run.workload import build

    image = replace(cell, dataset=None, mode="inference", batch=1, resolution=entry.side)
    try:
        macs = count(build(image, 0, "meta")).total.macs
    except Exception:  # that it cannot be built is said when it is to be run
        return 0.0
    cuda = torch.cuda.is_available()
    rate = RATES["cuda"] if cuda else RATES["cpu"] * torch.get_num_threads()
    return BACKWARD * float(macs * learned(entry.images)) / rate


def prices_from(runs: Path) -> Prices:
    """Read the runs below a folder; one that cannot be read any more tells nothing."""
    folders = sorted(runs.glob("*/records.jsonl"), key=lambda path: path.stat().st_mtime)[-MOST_RUNS:]
    seen: dict[tuple[MeasureSpec, str], list[float]] = {}
    for path in folders:
        for key, seconds in _units(path.parent):
            seen.setdefault(key, []).append(seconds)
    return Prices({key: median(seconds) for key, seconds in seen.items()})


def _units(folder: Path) -> list[tuple[tuple[MeasureSpec, str], float]]:
    """What each unit of a run took: its last member's time since the unit began."""
    try:
        # The stored options are plain numbers; loading the suite would import the modules that it names.
        specs = _specs(YAML(typ="safe").load(folder / "suite.yaml"))
        records = read_records(folder / "records.jsonl")
    except (YAMLError, ValueError, TypeError, AttributeError, KeyError, OSError):
        return []
    took: dict[tuple[str, str, int], float] = {}
    learned: dict[tuple[str, str, int], float] = {}
    for record in records:
        if record.status == "ok" and record.measure in specs:
            key = record.measure, record.group, record.repeat
            took[key] = max(took.get(key, 0.0), record.elapsed)
            learned[key] = learned.get(key, 0.0) + _epochs(record)
    # A unit that went on from checkpoints of trained networks took less than they did.
    return [((specs[key[0]], key[1]), max(seconds, learned[key])) for key, seconds in took.items()]


def _epochs(record: Record) -> float:
    """Seconds of all epochs that a record tells of."""
    samples = (value.samples for value in record.values if value.name == "epoch_time")
    return sum(each or 0.0 for one in samples for each in one)


def _specs(suite: Any) -> dict[str, MeasureSpec]:
    measures = suite["measures"].items()
    specs = {name: MeasureSpec(name, tuple(sorted((options or {}).items()))) for name, options in measures}
    hash(tuple(specs.values()))  # a TypeError here means that an option is no plain value
    return specs
