"""The measurements that failed or were skipped."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from bench.report.blocks import Block, BulletList, Heading
from bench.report.data import ReportData


def failures(data: ReportData) -> Iterator[Block]:
    """A line for each record that failed or was skipped, and for each value that could not be read."""
    wrong = data.frame[(data.frame["status"] != "ok") | data.frame["reason"].notna()]
    if len(wrong):
        yield Heading("Failed and skipped")
        yield BulletList([_line(row, data.several_runs) for row in wrong.to_dict("records")])


def _line(row: Mapping[Any, Any], several_runs: bool) -> str:
    control = ", A/A control" if row["role"] == "control" else ""
    run = f" of {row['run']}" if several_runs else ""
    # In a successful record the reason belongs to a single value.
    event = f"{row['value']} could not be read" if row["status"] == "ok" else row["status"]
    unit = f"process {row['repeat'] + 1}" if pd.isna(row["seed"]) else f"seed {row['seed']}"
    return f"{row['cell']}{control}, {row['measure']}, {unit}{run}: {event}: {row['reason']}"
