"""What a page tells of as a table for programs: a row for each value of each member of a group."""

from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd

from bench.results.estimates import Comparison
from bench.results.frame import AXES
from bench.results.statistics import Estimate


def tidy(comparisons: Iterable[Comparison]) -> pd.DataFrame:
    """One row a comparison: where it is from, its axes, the value in its unit, and that against the baseline.

    ``low`` and ``high`` are the bounds of an interval, of a time the 5th and 95th percentile of its samples; equal to
    the point where a value is exact; missing where nothing is known of them.
    """
    rows = [
        {
            **{key: getattr(each, key) for key in ("run", "measure", "group", "cell", "role")},
            **{axis: each.axes[axis] for axis in AXES},
            "value": each.value,
            "unit": each.unit,
            **dict(_numbers("", each.absolute)),
            **dict(_numbers("ratio", each.ratio)),
            **dict(_numbers("difference", each.difference)),
            "repeats": each.repeats,
        }
        for each in comparisons
    ]
    frame = pd.DataFrame(rows)
    return frame.astype(dict.fromkeys(("batch", "resolution", "threads"), "Int64")) if rows else frame


def _numbers(name: str, estimate: Estimate | None) -> Iterator[tuple[str, Any]]:
    for bound in ("point", "low", "high"):
        number = getattr(estimate, bound) if estimate else None
        yield f"{name}_{bound}".removeprefix("_"), None if number is None else float(number)
