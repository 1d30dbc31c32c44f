"""The results as a table for programs: one row for each value of each member of a group."""

from collections.abc import Mapping
from math import expm1
from typing import Any

import pandas as pd

from bench.report.data import ReportData
from bench.results.columns import AXIS_COLUMNS
from bench.results.estimates import RANGE, Comparison, shown_ratio
from bench.results.statistics import Estimate

IDENTITY = ("run", "measure", "group", "cell", "role")
ABSOLUTE, RATIO, DIFFERENCE = (
    {bound: f"{estimate}{bound}" for bound in ("point", "low", "high")} for estimate in ("", "ratio_", "difference_")
)
"""Bound of each estimate → its column."""
_BOUNDS = [*ABSOLUTE.values(), *RATIO.values(), *DIFFERENCE.values()]
VERDICT_COLUMNS = ("p", "verdict", "verdict_resolution")
RANGE_COLUMNS = ("process_low", "process_high")
TABLE_COLUMNS = [*IDENTITY, *AXIS_COLUMNS, "value", "unit", *_BOUNDS, "repeats", *RANGE_COLUMNS, *VERDICT_COLUMNS]


def value_table(data: ReportData) -> pd.DataFrame:
    """One row for each comparison: identity, axes, the value in its unit, and the value relative to the baseline.

    ``low`` and ``high`` are the bounds of the confidence interval; for a time, the 5th and 95th percentile of its
    samples. They equal the point of an exact value, and are missing where there is no interval. ``p`` is the
    Holm-adjusted p-value of an accuracy gain; ``verdict`` is that of an accuracy gain or of a time, and
    ``process_low`` and ``process_high`` are the range of a time's ratio over processes, if these disagree.
    ``verdict_resolution`` is the resolution of a time, as a fraction. Options of named values follow in columns such as
    ``attention.e_lambda``.
    """
    verdicts = {id(gain.variant): {"p": gain.p, "verdict": gain.verdict} for gain in data.gains} | {
        id(time.variant): {
            "verdict": time.verdict,
            "verdict_resolution": None if time.resolution is None else expm1(time.resolution),
        }
        for time in data.times
    }
    options = _options(data.frame)
    rows = [
        {
            **{key: getattr(comparison, key) for key in IDENTITY},
            **{axis: comparison.axes[axis] for axis in AXIS_COLUMNS},
            "value": comparison.value,
            "unit": comparison.unit,
            **_numbers(ABSOLUTE, comparison.absolute),
            **_numbers(RATIO, comparison.ratio),
            **_numbers(DIFFERENCE, comparison.difference),
            "repeats": comparison.repeats,
            **_range(comparison),
            **verdicts.get(id(comparison), {}),
            **options.get((comparison.run, comparison.cell), {}),
        }
        for comparison in data.comparisons
    ]
    optional = sorted({column for row in rows for column in row} - set(TABLE_COLUMNS))
    frame = pd.DataFrame(rows, columns=[*TABLE_COLUMNS, *optional])
    return frame.astype(dict.fromkeys(("batch", "resolution", "threads"), "Int64"))


def _range(comparison: Comparison) -> dict[str, float | None]:
    """The range that reports show instead of the interval, if the processes disagree."""
    shown = shown_ratio(comparison)
    if shown is None or not shown.method.startswith(RANGE):
        return {}
    return dict(zip(RANGE_COLUMNS, (shown.low, shown.high), strict=True))


def _options(frame: pd.DataFrame) -> dict[tuple[str, str], dict[str, Any]]:
    """Run and cell → column of each option → its value."""
    distinct = frame.drop_duplicates(["run", "cell"])
    return {
        (run, cell): {
            f"{axis}.{name}": value for axis, options in (given or {}).items() for name, value in options.items()
        }
        for run, cell, given in zip(distinct["run"], distinct["cell"], distinct["options"], strict=True)
    }


def _numbers(columns: Mapping[str, str], estimate: Estimate | None) -> dict[str, float | None]:
    numbers = {column: getattr(estimate, bound, None) for bound, column in columns.items()}
    return {column: None if number is None else float(number) for column, number in numbers.items()}
