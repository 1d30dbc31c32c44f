"""Frame → estimates: the value of each variant, and its ratio or difference to the baseline of its group."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import starmap
from math import exp
from typing import Any, TypeAlias

import pandas as pd

from bench.results.columns import AXIS_COLUMNS
from bench.results.rounds import (
    Disturbance,
    clean_samples,
    counted_processes,
    disturbed_rounds,
    is_usable_process,
)
from bench.results.statistics import (
    Estimate,
    ProcessEstimate,
    log_ratios,
    over_processes,
    process_estimate,
    processes_disagree,
    ratio_of,
    time_range,
)
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
        repeats: number of processes or seeds that the estimates use.
        seeds: the seed of each, None where the measure reads none.
        per_process: the estimate of each process: for a time the median log ratio to the baseline over its rounds,
            empty for the baseline itself; else the value.
        process_errors: standard error of each of these log ratios; empty where there are none.
        differences: difference of each to the baseline's, in the unit; empty where ``difference`` is None.
        measured_seconds: measured time of one process, for a time, without disturbed rounds.
        disturbance: disturbance of the timing of the group; None for other values.
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
    process_errors: tuple[float, ...]
    differences: tuple[float | int, ...]
    measured_seconds: float
    disturbance: Disturbance | None
    details: dict[str, Any]


def process_range(comparison: Comparison) -> Estimate | None:
    """The ratio with its range over processes in place of the confidence interval; None without per-process ratios.

    The range includes the interval, which is too narrow for processes in two regimes but may exceed a few of them.
    """
    logs, ratio = comparison.per_process, comparison.ratio
    if ratio is None or not logs:
        return None
    low, high = exp(min(logs)), exp(max(logs))
    if ratio.low is not None and ratio.high is not None:
        low, high = min(low, ratio.low), max(high, ratio.high)
    return Estimate(ratio.point, low, high, f"{RANGE} of {len(logs)} processes")


RANGE = "range"
"""First word of the method of an estimate whose bounds are the range over processes that disagree."""


def shown_ratio(comparison: Comparison) -> Estimate | None:
    """The ratio as reports show it: with its range if its processes disagree, otherwise with its interval."""
    errors = comparison.process_errors
    if comparison.role == "variant" and errors and processes_disagree(comparison.per_process, errors):
        return process_range(comparison)
    return comparison.ratio


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
    disturbance = None
    if rows[0]["unit"] == "s":
        rows, disturbance = _leave_out_disturbed(rows)
    baselines = [row for row in rows if row["role"] == "baseline"]
    by_cell = {(row["repeat"], row["cell"]): row for row in baselines}
    by_repeat = {row["repeat"]: row for row in baselines}
    members: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        members.setdefault((row["cell"], row["role"]), []).append(row)
    for member in members.values():
        # In a comparison of two revisions, the baseline of a cell is the same cell at A.
        pairs = [(row, by_cell.get((row["repeat"], row["cell"]), by_repeat.get(row["repeat"]))) for row in member]
        yield _comparison(member, [(row, baseline) for row, baseline in pairs if baseline is not None], disturbance)


def _leave_out_disturbed(rows: list[Row]) -> tuple[list[Row], Disturbance]:
    """The rows of the processes that count, with the samples of undisturbed rounds only; all if these are too few.

    The members of a process share their rounds, so the first row of a process stands for all of them.
    """
    processes: dict[Any, Row] = {}
    for row in rows:
        processes.setdefault(row["repeat"], row)
    usable = [is_usable_process(row["samples"], row["details"]) for row in processes.values()]
    counted = counted_processes(usable)
    busy = not all(usable[index] for index in counted)
    disturbance = Disturbance(
        rounds=sum(len(row["samples"]) for row in processes.values()),
        disturbed=sum(len(disturbed_rounds(row["details"])) for row in processes.values()),
        left_out=len(usable) - len(counted),
        busy=busy,
    )
    if busy or not disturbance.disturbed:
        return rows, disturbance
    kept = {list(processes)[index] for index in counted}
    return [
        {**row, "samples": clean_samples(row["samples"], row["details"])} for row in rows if row["repeat"] in kept
    ], disturbance


def _comparison(member: list[Row], pairs: list[tuple[Row, Row]], disturbance: Disturbance | None) -> Comparison:
    first = member[0]
    timed, seeded = first["unit"] == "s", first["seed"] is not None
    alone = first["role"] == "baseline" or not pairs or first["value"] in UNPAIRED
    processes = () if alone or not timed else tuple(_process_ratios(pairs))
    values = tuple(map(_process_estimate, member))
    differences = () if alone or timed else tuple(starmap(_process_difference, pairs))
    return Comparison(
        run=first["run"],
        measure=first["measure"],
        group=first["group"],
        cell=first["cell"],
        role=first["role"],
        axes={axis: first[axis] for axis in AXIS_COLUMNS},
        value=first["value"],
        unit=first["unit"],
        absolute=time_range([_readable_samples(row) for row in member]) if timed else over_processes(values, seeded),
        ratio=(ratio_of(processes) if processes else None) if timed else None if alone else _exact_ratio(pairs),
        difference=over_processes(differences, seeded) if differences else None,
        repeats=len(member),
        seeds=tuple(row["seed"] for row in member),
        per_process=tuple(process.point for process in processes) if timed else values,
        process_errors=tuple(process.error for process in processes),
        differences=differences,
        measured_seconds=sum(map(_measured_seconds, member)) / len(member) if timed else 0.0,
        disturbance=disturbance,
        details=first["details"],
    )


def _process_ratios(pairs: list[tuple[Row, Row]]) -> Iterator[ProcessEstimate]:
    """The log ratio of each process, over the rounds in which both samples could be read and are not 0."""
    for row, baseline in pairs:
        rounds = zip(row["samples"], baseline["samples"], strict=True)
        both = [(one, other) for one, other in rounds if one and other]  # a coarse timer may return 0
        if both:
            yield process_estimate(log_ratios(*zip(*both, strict=True)))


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
