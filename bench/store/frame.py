"""Records → a tidy DataFrame: one row for each record and value."""

from collections.abc import Iterable, Iterator
from operator import attrgetter
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd

from bench.results.columns import AXIS_COLUMNS, COLUMNS
from bench.results.rounds import clean_samples
from bench.store.record import MeasuredRecord, Record
from bench.store.shards import read_records

_VALUE_COLUMNS = ("details", "reason", "value", "unit", "samples", "median")
"""The columns that differ between the rows of one record, or that not every record has."""
_RECORD_COLUMNS = tuple(name for name in COLUMNS if name not in (*_VALUE_COLUMNS, *AXIS_COLUMNS, "run"))
_ROW = ("run", *_RECORD_COLUMNS, *AXIS_COLUMNS, *_VALUE_COLUMNS)
"""The columns in the order in which rows are assembled."""
_record_fields = attrgetter(*_RECORD_COLUMNS)


def load_frame(*runs: str | Path) -> pd.DataFrame:
    """Read the records of one or several runs.

    Args:
        runs: folders of runs, or records.jsonl files.

    Returns:
        A frame with the columns of :data:`bench.results.columns.COLUMNS`, in the order measured.

    Raises:
        FileNotFoundError: a run has no records.
        ValueError: a line is not a record.
    """
    return records_frame(_read_run(Path(run)) for run in runs)


def records_frame(runs: Iterable[tuple[str, Iterable[Record]]]) -> pd.DataFrame:
    """The records of runs, each given as its name and its records, as one frame."""
    rows = [row for name, records in runs for record in records for row in _record_rows(name, record)]
    return pd.DataFrame(rows, columns=list(_ROW), dtype=object)[list(COLUMNS)]


def _read_run(run: Path) -> tuple[str, list[Record]]:
    path = run / "records.jsonl" if run.is_dir() else run
    if not path.exists():
        raise FileNotFoundError(f"{run} holds no records.jsonl; give the folder of a run")
    return str(run if run.is_dir() else run.parent), read_records(path)


def _record_rows(run: str, record: Record) -> Iterator[tuple[Any, ...]]:
    """The rows of a record, as tuples: building a mapping for each row takes longer where there are very many."""
    shared = (run, *_record_fields(record), *map(record.axes.get, AXIS_COLUMNS))
    if not isinstance(record, MeasuredRecord):
        yield *shared, {}, record.reason, None, None, None, None
        return
    if not record.values:
        yield *shared, record.details, None, None, None, None, None
    for value in record.values:
        samples = clean_samples(value.samples, record.details) if value.unit == "s" else value.samples
        # A process without any undisturbed round still has a median, so that it is not taken for unreadable.
        numbers = [sample for sample in samples or value.samples if sample is not None]
        middle = float(median(numbers)) if numbers else None
        yield *shared, record.details, value.reason, value.name, value.unit, value.samples, middle
