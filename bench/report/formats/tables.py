"""What a page tells of as a table for programs: a row for each value of each member of a group."""

from collections.abc import Iterable, Mapping

import pandas as pd

from bench.results.columns import AXES
from bench.results.estimates import Comparison
from bench.results.statistics import Estimate

PLACE = ("run", "measure", "group", "cell", "role")
ABSOLUTE, RATIO, DIFFERENCE = (
    {bound: f"{estimate}{bound}" for bound in ("point", "low", "high")} for estimate in ("", "ratio_", "difference_")
)
"""Of each estimate its bounds, and their columns."""
COLUMNS = [*PLACE, *AXES, "value", "unit", *ABSOLUTE.values(), *RATIO.values(), *DIFFERENCE.values(), "repeats"]


def tidy(comparisons: Iterable[Comparison]) -> pd.DataFrame:
    """One row a comparison: where it is from, its axes, the value in its unit, and that against the baseline.

    ``low`` and ``high`` are the bounds of an interval, of a time the 5th and 95th percentile of its samples; equal to
    the point where a value is exact; missing where nothing is known of them.
    """
    rows = [
        {
            **{key: getattr(each, key) for key in PLACE},
            **{axis: each.axes[axis] for axis in AXES},
            "value": each.value,
            "unit": each.unit,
            **_numbers(ABSOLUTE, each.absolute),
            **_numbers(RATIO, each.ratio),
            **_numbers(DIFFERENCE, each.difference),
            "repeats": each.repeats,
        }
        for each in comparisons
    ]
    frame = pd.DataFrame(rows, columns=COLUMNS)
    return frame.astype(dict.fromkeys(("batch", "resolution", "threads"), "Int64"))


def _numbers(columns: Mapping[str, str], estimate: Estimate | None) -> dict[str, float | None]:
    numbers = {column: getattr(estimate, bound, None) for bound, column in columns.items()}
    return {column: None if number is None else float(number) for column, number in numbers.items()}
