"""Verdicts on accuracies of two runs, paired by seed; higher is better, and thresholds are in percentage points."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from bench.results.accuracy import MOST_SEEDS
from bench.results.gated import GatedPair
from bench.results.shifts import inside
from bench.results.statistics import LEVEL, SIGNIFICANCE, Estimate, deviation, holm, student_interval
from bench.results.verdicts import Kind, Verdict

MADE_ALIKE = ("dataset", "recipe", "eval_on", "weights")
"""Details of a training run that must agree on both sides."""
SAME_BITS = ("device", "threads", "memory_format", "autocast", "compile")
"""Details that must also agree for an exact gate."""
LEAST_STEP = 1e-9
"""Tolerance of a share: a smaller difference means the same number of images."""


def accuracy_verdicts(pairs: Iterable[GatedPair]) -> Iterator[Verdict]:
    """A verdict on each accuracy.

    Regressed: the null hypothesis "it fell by at most the threshold" has a Holm-adjusted p-value below 0.05, one-sided
    over seeds. Improved: the same for a rise. Unchanged: the unadjusted 95 % interval of the mean difference lies
    within ± the threshold. With an exact gate, the verdict is regressed if any seed classifies fewer images correctly;
    on a CPU the same seed gives the same bits.
    """
    tested: list[tuple[GatedPair, list[float]]] = []
    for pair in pairs:
        moved = [new - old for old, new in zip(pair.ours.per_process, pair.theirs.per_process, strict=False)]
        if reason := _different_training(pair):
            yield replace(pair.verdict("incomparable"), reason=reason)
        elif pair.threshold is None or not any(abs(change) > LEAST_STEP for change in moved):
            yield _exact_verdict(pair, moved)
        elif len(moved) < 2 or deviation(moved) < LEAST_STEP:
            why = "there is a single seed" if len(moved) < 2 else "every seed changed by the same amount"
            yield replace(_changed(pair, moved, "inconclusive"), reason=f"the spread is unknown: {why}")
        else:
            tested.append((pair, moved))
    fallen = holm([_p_of_fall(moved, pair.limit) for pair, moved in tested])
    risen = holm([_p_of_fall([-change for change in moved], pair.limit) for pair, moved in tested])
    for (pair, moved), down, up in zip(tested, fallen, risen, strict=True):
        yield _tested_verdict(pair, moved, down, up, len(tested))


def _different_training(pair: GatedPair) -> str | None:
    """The reason why two accuracies are incomparable; None if they are comparable."""
    if pair.ours.seeds != pair.theirs.seeds:
        return "the seeds differ"
    ours, theirs = pair.ours.details, pair.theirs.details
    keys = (*MADE_ALIKE, *(SAME_BITS if pair.threshold is None else ()))
    differing = [key for key in keys if ours.get(key) != theirs.get(key)]
    return f"they differ in {', '.join(differing)}" if differing else None


def _exact_verdict(pair: GatedPair, moved: Sequence[float]) -> Verdict:
    """The verdict of an exact gate: fewer correctly classified images on any seed are a regression."""
    kind: Kind = "unchanged"
    if min(moved) < -LEAST_STEP:
        kind = "regressed"
    elif max(moved) > LEAST_STEP:
        kind = "improved"
    return _changed(pair, moved, kind)


def _changed(pair: GatedPair, moved: Sequence[float], kind: Kind) -> Verdict:
    mean, low, high = student_interval(moved)
    method = f"mean over {len(moved)} seeds, Student t"
    change = Estimate(mean, mean, mean, "exact") if pair.threshold is None else Estimate(mean, low, high, method)
    return replace(pair.verdict(kind), change=change)


def _p_of_fall(moved: Sequence[float], limit: float) -> float:
    """The p-value of "the mean fell by at most the limit", by a one-sided t test."""
    from scipy.special import stdtr

    n = len(moved)
    return float(stdtr(n - 1, (math.fsum(moved) / n + limit) / (deviation(moved) / math.sqrt(n))))


def _tested_verdict(pair: GatedPair, moved: Sequence[float], down: float, up: float, family: int) -> Verdict:
    mean, low, high = student_interval(moved)
    assert low is not None and high is not None  # two seeds or more
    kind: Kind = "inconclusive"
    if down < SIGNIFICANCE:
        kind = "regressed"
    elif up < SIGNIFICANCE:
        kind = "improved"
    elif inside(low, high, pair.limit):
        kind = "unchanged"
    reason = (
        _needed_seeds(abs(mean), deviation(moved), pair.limit, len(moved), family) if kind == "inconclusive" else None
    )
    return replace(_changed(pair, moved, kind), p=down if mean < 0 else up, reason=reason)


def _needed_seeds(mean: float, spread: float, limit: float, now: int, family: int) -> str:
    """The number of seeds that would give a verdict on a change of this size at this spread, as a phrase."""
    from scipy.special import stdtrit

    level = 1 - SIGNIFICANCE / family if mean > limit else (1 + LEVEL) / 2
    for seeds in range(now + 1, MOST_SEEDS + 1):
        if abs(mean - limit) > float(stdtrit(seeds - 1, level)) * spread / math.sqrt(seeds):
            return f"{seeds} seeds would give a verdict, at the observed difference and spread"
    return "too close to the threshold for a practical number of seeds"
