"""Frame → estimates: each variant by itself, and against its group's baseline."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import pandas as pd

from bench.results.columns import AXES
from bench.results.statistics import Estimate, median_log_ratio, over_repeats, ratio_of, time_range
from bench.results.values import UNPAIRED

Row: TypeAlias = Mapping[Any, Any]
"""Of a frame, by column."""


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
            equal, else the mean over repeats with its interval; of one seed, or of seeds that all say the same, none.
        ratio: to the baseline, of times and of exact values; None for the baseline itself, where the baseline's value
            is zero or missing, and for times that are not paired.
        difference: to the baseline, in the unit, of all values but times; None as for the ratio.
        repeats: how many repeats it rests on.
        seeds: the seed of each repeat, None where the measure reads none.
        per_process: the estimate of each process: for a time the median log ratio to the baseline over its rounds, empty
            for the baseline itself; else the value.
        differences: of each repeat to the baseline's same repeat, in the unit; none where ``difference`` is None.
        measured_seconds: measured time of one process, for a time.
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
    seeds: tuple[int | None, ...]
    per_process: tuple[float | int, ...]
    differences: tuple[float | int, ...]
    measured_seconds: float
    details: dict[str, Any]


def estimate(frame: pd.DataFrame) -> list[Comparison]:
    """Every value of a frame from :func:`bench.store.frame.load_frame`, in the order measured.

    Failed and skipped rows give nothing here, nor does a value of which no sample could be read; they stay visible in
    the frame.
    """
    groups: dict[tuple[Any, ...], list[Row]] = {}
    columns = list(frame.columns)
    for cells in zip(*(frame[column].tolist() for column in columns), strict=True):
        row = dict(zip(columns, cells, strict=True))
        if row["status"] == "ok" and row["median"] is not None:
            groups.setdefault((row["run"], row["measure"], row["group"], row["value"]), []).append(row)
    return [comparison for rows in groups.values() for comparison in _group(rows)]


def _group(rows: list[Row]) -> Iterator[Comparison]:
    baselines = [row for row in rows if row["role"] == "baseline"]
    by_cell = {(row["repeat"], row["cell"]): row for row in baselines}
    by_repeat = {row["repeat"]: row for row in baselines}
    members: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        members.setdefault((row["cell"], row["role"]), []).append(row)
    for own in members.values():
        # In a comparison of revisions every cell has a baseline of its own: itself, at A.
        found = [(row, by_cell.get((row["repeat"], row["cell"]), by_repeat.get(row["repeat"]))) for row in own]
        yield _comparison(own, [(row, baseline) for row, baseline in found if baseline is not None])


def _comparison(own: list[Row], pairs: list[tuple[Row, Row]]) -> Comparison:
    first = own[0]
    timed, seeded = first["unit"] == "s", first["seed"] is not None
    alone = first["role"] == "baseline" or not pairs or first["value"] in UNPAIRED
    logs = () if alone or not timed else tuple(_logs(pairs))
    values = tuple(map(_figure, own))
    differences = () if alone or timed else tuple(_figure(one) - _figure(other) for one, other in pairs)
    return Comparison(
        run=first["run"],
        measure=first["measure"],
        group=first["group"],
        cell=first["cell"],
        role=first["role"],
        axes={axis: first[axis] for axis in AXES},
        value=first["value"],
        unit=first["unit"],
        absolute=time_range([_read(row) for row in own]) if timed else over_repeats(values, seeded),
        ratio=(ratio_of(logs) if logs else None) if timed else None if alone else _exact_ratio(pairs),
        difference=over_repeats(differences, seeded) if differences else None,
        repeats=len(own),
        seeds=tuple(row["seed"] for row in own),
        per_process=logs if timed else values,
        differences=differences,
        measured_seconds=sum(map(_spent, own)) / len(own) if timed else 0.0,
        details=first["details"],
    )


def _logs(pairs: list[tuple[Row, Row]]) -> Iterator[float]:
    """Of each repeat the median log ratio over the rounds in which both could be read."""
    for own, baseline in pairs:
        rounds = zip(own["samples"], baseline["samples"], strict=True)
        both = [(one, other) for one, other in rounds if one is not None and other is not None]
        if both:
            yield median_log_ratio(*zip(*both, strict=True))


def _read(row: Row) -> list[float]:
    return [each for each in row["samples"] if each is not None]


def _spent(row: Row) -> float:
    """Measured seconds of one repeat: samples are seconds an iteration."""
    return float(row["details"].get("iterations", 1) * sum(_read(row)))


def _exact_ratio(pairs: list[tuple[Row, Row]]) -> Estimate | None:
    ratios = {_figure(own) / _figure(baseline) for own, baseline in pairs if _figure(baseline)}
    return over_repeats(list(ratios)) if len(ratios) == 1 else None


def _figure(row: Row) -> float | int:
    """What one repeat says: its only sample, whole numbers kept whole, or the median of those that could be read."""
    return row["samples"][0] if len(row["samples"]) == 1 else row["median"]  # type: ignore[no-any-return]
