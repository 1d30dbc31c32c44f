"""The precision to expect from a group, after its first process."""

import math
from collections.abc import Sequence
from statistics import median

from bench.results.rounds import clean_samples
from bench.results.statistics import LEAST_BETWEEN, LEVEL, log_ratios, process_estimate
from bench.store.record import MeasuredRecord, Record

MAX_BUDGET_FACTOR = 20
"""Largest increase of the budget that is suggested; beyond it, differences between processes dominate."""
MAX_PROCESSES = 200
"""Largest number of processes that is suggested."""


def expected_precision(records: Sequence[Record], processes: int, budget: float, threshold: float) -> str | None:
    """A sentence on the expected width of the intervals, and on the settings that would reach the threshold.

    Args:
        records: of the first process of a timed group.
        processes: number of processes of the group.
        budget: measured seconds of the group.
        threshold: the threshold of a ratio, as a fraction.

    Returns:
        None if the process has no ratio with a known error.
    """
    error = _median_error([record for record in records if isinstance(record, MeasuredRecord)])
    if error is None or math.isinf(error) or processes < 2:
        return None
    halfwidth, limit = _halfwidth(error, processes), math.log1p(threshold)
    text = f"expected 95 % intervals: ±{100 * math.expm1(halfwidth):.1f} % from {processes} processes"
    settings = None if halfwidth <= limit else _sufficient_settings(error, processes, budget, limit)
    return text if settings is None else f"{text}; for ±{100 * threshold:g} %, set {settings}"


def _median_error(records: Sequence[MeasuredRecord]) -> float | None:
    """The median over the members of the standard error of their log ratios; None without a pair of members."""
    samples = {
        record.role + record.cell: [float(sample) for sample in clean_samples(value.samples, record.details) if sample]
        for record in records
        for value in record.values
        if value.name == "latency" and None not in value.samples
    }
    baseline = next((row for member, row in samples.items() if member.startswith("baseline")), None)
    if not baseline:
        return None
    others = [row for member, row in samples.items() if not member.startswith("baseline")]
    errors = [process_estimate(log_ratios(row, baseline)).error for row in others]
    return median(errors) if errors else None


def _halfwidth(error: float, processes: int) -> float:
    """Half the expected width of the interval of a log ratio."""
    return _quantile(processes) * math.sqrt((error**2 + LEAST_BETWEEN**2) / processes)


def _sufficient_settings(error: float, processes: int, budget: float, limit: float) -> str | None:
    """Settings with which the half-width is expected to be the limit; None if none are reasonable.

    More time per process helps unless differences between processes dominate; then more processes are needed, with the
    same time for each.
    """
    remaining = processes * (limit / _quantile(processes)) ** 2 - LEAST_BETWEEN**2
    if remaining > 0 and error**2 / remaining <= MAX_BUDGET_FACTOR:
        return f"measures.latency.budget={math.ceil(budget * error**2 / remaining)}s"
    for count in range(processes + 1, MAX_PROCESSES + 1):
        if _halfwidth(error, count) <= limit:
            seconds = math.ceil(budget * count / processes)
            return f"measures.latency.repeats={count} and measures.latency.budget={seconds}s"
    return None


def _quantile(processes: int) -> float:
    """The quantile of Student's t for a two-sided interval over processes."""
    from scipy.special import stdtrit

    return float(stdtrit(processes - 1, (1 + LEVEL) / 2))
