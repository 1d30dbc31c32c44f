"""Frame → estimates: the value of each variant, and its ratio or difference to the baseline of its group."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import starmap
from typing import Any, TypeAlias

import pandas as pd

from bench.results.columns import AXES
from bench.results.statistics import Estimate, median_log_ratio, over_processes, ratio_of, time_range
from bench.results.values import UNPAIRED

Row: TypeAlias = Mapping[Any, Any]
"""A row of a results frame, by column."""


@dataclass(frozen=True)
class Comparison:
    """One value of one member of a group.

    Args:
        run, measure, group, cell, role: identity of the member.
        axes: axis → label.
        value: the value's name.
        unit: of ``absolute``.
        absolute: the value itself. For a time, the median over processes with the 5th and 95th percentile of all
            samples, which is a range and not a confidence interval. For other values, the mean over processes or seeds
            with its confidence interval; exact where all processes agree; without interval where seeds do not vary.
        ratio: to the baseline, of times and of exact values; None for the baseline itself, where the baseline's value
            is zero or missing, and for times that are not paired.
        difference: to the baseline, in the unit, of all values but times; None as for the ratio.
        repeats: number of processes or seeds.
        seeds: the seed of each, None where the measure reads none.
        per_process: the estimate of each process: for a time the median log ratio to the baseline over its rounds,
            empty for the baseline itself; else the value.
        differences: difference of each to the baseline's, in the unit; empty where ``difference`` is None.
        measured_seconds: measured time of one process, for a time.
        details: details of the first record.
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

    Failed and skipped rows, and values without a readable sample, have no estimate; they stay visible in the frame.
    """
    groups: dict[tuple[Any, ...], list[Row]] = {}
    columns = list(frame.columns)
    for cells in zip(*(frame[column].tolist() for column in columns), strict=True):
        row = dict(zip(columns, cells, strict=True))
        if row["status"] == "ok" and row["median"] is not None:
            groups.setdefault((row["run"], row["measure"], row["group"], row["value"]), []).append(row)
    return [comparison for rows in groups.values() for comparison in _compare_group(rows)]


def _compare_group(rows: list[Row]) -> Iterator[Comparison]:
    baselines = [row for row in rows if row["role"] == "baseline"]
    by_cell = {(row["repeat"], row["cell"]): row for row in baselines}
    by_repeat = {row["repeat"]: row for row in baselines}
    members: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        members.setdefault((row["cell"], row["role"]), []).append(row)
    for member in members.values():
        # In a comparison of two revisions, the baseline of a cell is the same cell at A.
        pairs = [(row, by_cell.get((row["repeat"], row["cell"]), by_repeat.get(row["repeat"]))) for row in member]
        yield _comparison(member, [(row, baseline) for row, baseline in pairs if baseline is not None])


def _comparison(member: list[Row], pairs: list[tuple[Row, Row]]) -> Comparison:
    first = member[0]
    timed, seeded = first["unit"] == "s", first["seed"] is not None
    alone = first["role"] == "baseline" or not pairs or first["value"] in UNPAIRED
    logs = () if alone or not timed else tuple(_logs(pairs))
    values = tuple(map(_process_estimate, member))
    differences = () if alone or timed else tuple(starmap(_process_difference, pairs))
    return Comparison(
        run=first["run"],
        measure=first["measure"],
        group=first["group"],
        cell=first["cell"],
        role=first["role"],
        axes={axis: first[axis] for axis in AXES},
        value=first["value"],
        unit=first["unit"],
        absolute=time_range([_readable_samples(row) for row in member]) if timed else over_processes(values, seeded),
        ratio=(ratio_of(logs) if logs else None) if timed else None if alone else _exact_ratio(pairs),
        difference=over_processes(differences, seeded) if differences else None,
        repeats=len(member),
        seeds=tuple(row["seed"] for row in member),
        per_process=logs if timed else values,
        differences=differences,
        measured_seconds=sum(map(_measured_seconds, member)) / len(member) if timed else 0.0,
        details=first["details"],
    )


def _logs(pairs: list[tuple[Row, Row]]) -> Iterator[float]:
    """The median log ratio of each process, over the rounds in which both samples could be read."""
    for row, baseline in pairs:
        rounds = zip(row["samples"], baseline["samples"], strict=True)
        both = [(one, other) for one, other in rounds if one is not None and other is not None]
        if both:
            yield median_log_ratio(*zip(*both, strict=True))


def _readable_samples(row: Row) -> list[float]:
    return [sample for sample in row["samples"] if sample is not None]


def _measured_seconds(row: Row) -> float:
    """Measured time of one process; samples are seconds per iteration."""
    return float(row["details"].get("iterations", 1) * sum(_readable_samples(row)))


def _exact_ratio(pairs: list[tuple[Row, Row]]) -> Estimate | None:
    ratios = {
        _process_estimate(row) / _process_estimate(baseline) for row, baseline in pairs if _process_estimate(baseline)
    }
    return over_processes(list(ratios)) if len(ratios) == 1 else None


def _process_estimate(row: Row) -> float | int:
    """The estimate of one process: its only sample, whole numbers kept whole, or the median of the readable ones."""
    return row["samples"][0] if len(row["samples"]) == 1 else row["median"]  # type: ignore[no-any-return]


def _process_difference(row: Row, baseline: Row) -> float | int:
    return _process_estimate(row) - _process_estimate(baseline)
