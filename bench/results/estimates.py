"""Frame → estimates: each variant by itself, and against its group's baseline."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from bench.results.frame import AXES
from bench.results.statistics import Estimate, paired_ratio

Samples: TypeAlias = tuple[float | int | None, ...]


@dataclass(frozen=True)
class Comparison:
    """One value of one member of a group.

    Args:
        measure, group, cell, role: whose it is.
        axes: axis → label.
        value: the value's name.
        unit: of ``absolute``.
        absolute: the value itself. For a timed value the median over repeats, with the 5th and 95th percentile of
            all samples: a range of what was seen, no interval of confidence. For an exact one all three are equal.
        ratio: to the baseline; None for the baseline itself, and where the baseline's value is zero or missing.
        repeats: how many repeats it rests on.
        details: of the first repeat.
    """

    measure: str
    group: str
    cell: str
    role: str
    axes: dict[str, Any]
    value: str
    unit: str
    absolute: Estimate
    ratio: Estimate | None
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
        pairs = [(row, baseline[row.repeat]) for row in own.itertuples() if row.repeat in baseline]
        yield Comparison(
            measure=first["measure"],
            group=first["group"],
            cell=first["cell"],
            role=first["role"],
            axes={axis: first[axis] for axis in AXES},
            value=first["value"],
            unit=first["unit"],
            absolute=_absolute(own),
            ratio=None if first["role"] == "baseline" else _ratio(first["unit"], pairs),
            repeats=len(own),
            details=first["details"],
        )


def _rounds(own: Samples, baseline: Samples) -> tuple[list[float], list[float]]:
    """The rounds in which both could be read."""
    both = [(one, other) for one, other in zip(own, baseline, strict=True) if one is not None and other is not None]
    return [one for one, _ in both], [other for _, other in both]


def _absolute(own: pd.DataFrame) -> Estimate:
    samples = np.asarray([each for row in own["samples"] for each in row if each is not None], dtype=float)
    if own.iloc[0]["unit"] != "s":
        exact = own.iloc[0]["samples"][0]
        return Estimate(exact, exact, exact, "exact")
    low, high = np.quantile(samples, [0.05, 0.95])
    point = float(np.median(own["median"].astype(float)))
    return Estimate(point, float(low), float(high), f"median of {len(own)} repeats; 5th and 95th percentile")


def _ratio(unit: str, pairs: list[tuple[Any, Any]]) -> Estimate | None:
    if not pairs:
        return None
    if unit == "s":
        rounds = [_rounds(own.samples, baseline.samples) for own, baseline in pairs]
        repeats = [(own, baseline) for own, baseline in rounds if own]
        return paired_ratio(repeats) if repeats else None
    [own, baseline] = pairs[0]
    if not baseline.samples[0]:
        return None
    exact = own.samples[0] / baseline.samples[0]
    return Estimate(exact, exact, exact, "exact")
