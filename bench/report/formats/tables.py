"""The results as a table for programs: one row for each value of each member of a group."""

from collections.abc import Iterable, Mapping

import pandas as pd

from bench.results.columns import AXIS_COLUMNS
from bench.results.estimates import Comparison
from bench.results.statistics import Estimate

IDENTITY = ("run", "measure", "group", "cell", "role")
ABSOLUTE, RATIO, DIFFERENCE = (
    {bound: f"{estimate}{bound}" for bound in ("point", "low", "high")} for estimate in ("", "ratio_", "difference_")
)
"""Bound of each estimate → its column."""
_BOUNDS = [*ABSOLUTE.values(), *RATIO.values(), *DIFFERENCE.values()]
TABLE_COLUMNS = [*IDENTITY, *AXIS_COLUMNS, "value", "unit", *_BOUNDS, "repeats"]


def results_table(comparisons: Iterable[Comparison]) -> pd.DataFrame:
    """One row for each comparison: identity, axes, the value in its unit, and the value relative to the baseline.

    ``low`` and ``high`` are the bounds of the confidence interval; for a time, the 5th and 95th percentile of its
    samples. They equal the point of an exact value, and are missing where there is no interval.
    """
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
        }
        for comparison in comparisons
    ]
    frame = pd.DataFrame(rows, columns=TABLE_COLUMNS)
    return frame.astype(dict.fromkeys(("batch", "resolution", "threads"), "Int64"))


def _numbers(columns: Mapping[str, str], estimate: Estimate | None) -> dict[str, float | None]:
    numbers = {column: getattr(estimate, bound, None) for bound, column in columns.items()}
    return {column: None if number is None else float(number) for column, number in numbers.items()}
