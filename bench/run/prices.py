"""What a unit of work takes, from earlier runs where there are any."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from bench.results.record import read_records
from bench.suite.measures import MeasureSpec
from bench.suite.plan import Unit

MOST_RUNS = 50
"""Of the newest that are looked at."""


@dataclass(frozen=True)
class Prices:
    """Seconds of a unit: the median of the same measure, with the same options, of the same group; else a guess."""

    known: Mapping[tuple[MeasureSpec, str], float] = field(default_factory=dict)

    def __call__(self, unit: Unit) -> float:
        return self.known.get((unit.group.measure, unit.group.id), unit.expected_seconds)

    def knows(self, unit: Unit) -> bool:
        return (unit.group.measure, unit.group.id) in self.known


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
    for record in records:
        if record.status == "ok" and record.measure in specs:
            key = record.measure, record.group, record.repeat
            took[key] = max(took.get(key, 0.0), record.elapsed)
    return [((specs[measure], group), seconds) for (measure, group, _), seconds in took.items()]


def _specs(suite: Any) -> dict[str, MeasureSpec]:
    measures = suite["measures"].items()
    specs = {name: MeasureSpec(name, tuple(sorted((options or {}).items()))) for name, options in measures}
    hash(tuple(specs.values()))  # a TypeError here means that an option is no plain value
    return specs
