"""Records → a tidy DataFrame: one row for each record and value."""

from collections.abc import Iterator
from dataclasses import fields
from operator import attrgetter
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd

from bench.results.record import Record, read_records

AXES = {
    "backbone": "label of the network",
    "attention": "label of the attention module, its options in brackets",
    "placement": "label of the placement; None for the plain network",
    "mode": "inference or training",
    "execution": "how torch ran the program",
    "batch": "images in one call",
    "resolution": "side of the input in pixels",
    "dtype": "number type",
    "memory_format": "order in memory",
    "threads": "CPU threads asked for; None where torch chose",
    "dataset": "label of the images that are learned",
}
"""The columns that hold a cell's coordinates; None where an axis means nothing or the measure does not read it."""

COLUMNS = {
    "run": "folder of the run, as it was named",
    "suite": "name of the suite",
    "measure": "name of the measure",
    "group": "id of the group",
    "cell": "id of the cell",
    "role": "baseline, variant or twin",
    **AXES,
    "options": "axis → options of its named thing",
    "repeat": "which fresh process, from 0",
    "seed": "of the replicate; None where the measure reads none",
    "status": "ok, skipped or failed",
    "reason": "why it was skipped or failed, or why samples are missing",
    "value": "name of the value; None where the status is not ok",
    "unit": "SI unit of the samples: s, B, 1 for counts",
    "samples": "the raw samples, in the order measured",
    "median": "median of the samples, in the unit",
    "details": "how the values came about",
    "environment": "id of the environment",
    "started": "ISO 8601, UTC",
    "elapsed": "seconds that the unit of work had taken when this was done",
}
"""Column → what it holds."""


_OF_A_VALUE = ("reason", "value", "unit", "samples", "median")
_OF_A_RECORD = tuple(each.name for each in fields(Record) if each.name in COLUMNS and each.name not in _OF_A_VALUE)
_SHARED = ("run", *_OF_A_RECORD, *AXES)
"""The columns that the values of a record share, in the order that rows are read in."""
_own = attrgetter(*_OF_A_RECORD)


def load_frame(*runs: str | Path) -> pd.DataFrame:
    """Read the records of one or several runs.

    Args:
        runs: folders of runs, or records.jsonl files.

    Returns:
        A frame with the columns of :data:`COLUMNS`, in the order measured.

    Raises:
        FileNotFoundError: a run has no records.
        ValueError: a line is no record.
    """
    rows = [row for run in runs for row in _rows(Path(run))]
    return pd.DataFrame(rows, columns=[*_SHARED, *_OF_A_VALUE], dtype=object)[list(COLUMNS)]


def _rows(run: Path) -> Iterator[tuple[Any, ...]]:
    """Tuples in the order of those columns, since a mapping for each row takes longer where there are very many."""
    path = run / "records.jsonl" if run.is_dir() else run
    if not path.exists():
        raise FileNotFoundError(f"{run} holds no records.jsonl; a run's folder is wanted")
    name = str(run if run.is_dir() else run.parent)
    for record in read_records(path):
        shared = (name, *_own(record), *map(record.axes.get, AXES))
        if not record.values:
            yield *shared, record.reason, None, None, None, None
        for value in record.values:
            numbers = [each for each in value.samples if each is not None]
            middle = float(median(numbers)) if numbers else None
            yield *shared, value.reason, value.name, value.unit, value.samples, middle
