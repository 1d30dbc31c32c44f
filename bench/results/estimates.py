"""Frame → estimates: each variant by itself, and against its group's baseline."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from bench.results.frame import AXES
from bench.results.statistics import Estimate, over_repeats, paired_ratio

Samples: TypeAlias = tuple[float | int | None, ...]

UNPAIRED = frozenset({"compile_time"})
"""Times that no ratio is made of: seen once in a process, the baseline's first, with caches that fill on the way."""


@dataclass(frozen=True)
class Comparison:
    """One value of one member of a group.

    Args:
        run, measure, group, cell, role: whose it is.
        axes: axis → label.
        value: the value's name.
        unit: of ``absolute``.
        absolute: the value itself. For a time the median over repeats, with the 5th and 95th percentile of all samples:
            a range of what was seen, no interval of confidence. For what is the same in every repeat all three are
            equal, else the mean over repeats with its interval.
        ratio: to the baseline, of times and of exact values; None for the baseline itself, where the baseline's value
            is zero or missing, and for times that are not paired.
        difference: to the baseline, in the unit, of all values but times; None as for the ratio.
        repeats: how many repeats it rests on.
        details: of the first repeat.
    """

    run: str
    measure: str
    group: str
    cell: str
    role: str
    axes: dict[str, Any]
    value: str
    unit: str
    absolute: Estimate
    ratio: Estimate | None
    difference: Estimate | None
    repeats: int
    details: dict[str, Any]


def estimate(frame: pd.DataFrame) -> list[Comparison]:
    """Every value of a frame from :func:`bench.results.frame.load_frame`, in the order measured.

    Failed and skipped rows give nothing here, nor does a value of which no sample could be read; they stay visible in
    the frame.
    """
    measured = frame[(frame["status"] == "ok") & frame["median"].notna()]
    return [
        comparison
        for _, rows in measured.groupby(["run", "measure", "group", "value"], sort=False)
        for comparison in _group(rows)
    ]


def _group(rows: pd.DataFrame) -> Iterator[Comparison]:
    baseline = {row.repeat: row for row in rows[rows["role"] == "baseline"].itertuples()}
    for _, own in rows.groupby(["cell", "role"], sort=False):
        first = own.iloc[0]
        repeats = list(own.itertuples())
        pairs = [(row, baseline[row.repeat]) for row in repeats if row.repeat in baseline]
        timed = first["unit"] == "s"
        alone = first["role"] == "baseline" or not pairs or first["value"] in UNPAIRED
        yield Comparison(
            run=first["run"],
            measure=first["measure"],
            group=first["group"],
            cell=first["cell"],
            role=first["role"],
            axes={axis: first[axis] for axis in AXES},
            value=first["value"],
            unit=first["unit"],
            absolute=_range(own) if timed else over_repeats([_figure(row) for row in repeats]),
            ratio=None if alone else _time_ratio(pairs) if timed else _exact_ratio(pairs),
            difference=None
            if alone or timed
            else over_repeats([_figure(one) - _figure(other) for one, other in pairs]),
            repeats=len(own),
            details=first["details"],
        )


def _range(own: pd.DataFrame) -> Estimate:
    samples = np.asarray([each for row in own["samples"] for each in row if each is not None], dtype=float)
    low, high = np.quantile(samples, [0.05, 0.95])
    point = float(np.median(own["median"].astype(float)))
    return Estimate(point, float(low), float(high), f"median of {len(own)} repeats; 5th and 95th percentile")


def _time_ratio(pairs: list[tuple[Any, Any]]) -> Estimate | None:
    rounds = [_rounds(own.samples, baseline.samples) for own, baseline in pairs]
    repeats = [(own, baseline) for own, baseline in rounds if own]
    return paired_ratio(repeats) if repeats else None


def _rounds(own: Samples, baseline: Samples) -> tuple[list[float], list[float]]:
    """The rounds in which both could be read."""
    both = [(one, other) for one, other in zip(own, baseline, strict=True) if one is not None and other is not None]
    return [one for one, _ in both], [other for _, other in both]


def _exact_ratio(pairs: list[tuple[Any, Any]]) -> Estimate | None:
    ratios = {_figure(own) / _figure(baseline) for own, baseline in pairs if _figure(baseline)}
    return over_repeats(list(ratios)) if len(ratios) == 1 else None


def _figure(row: Any) -> float | int:
    """What one repeat says: its only sample, whole numbers kept whole, or the median of those that could be read."""
    return row.samples[0] if len(row.samples) == 1 else row.median  # type: ignore[no-any-return]
