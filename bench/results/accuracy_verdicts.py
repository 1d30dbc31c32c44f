"""Accuracies on two sides → verdicts, seed by seed; higher is better, and a threshold is in points."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from bench.results.gated import GatedPair
from bench.results.shifts import inside
from bench.results.statistics import LEVEL, SIGNIFICANCE, Estimate, deviation, holm, student_interval
from bench.results.verdicts import Kind, Verdict

MADE_ALIKE = ("dataset", "recipe", "eval_on", "weights")
"""Of an accuracy's details: what must be the same on both sides."""
SAME_BITS = ("device", "threads", "memory_format", "autocast", "compile")
"""What else must be the same where not a single image may be lost."""
MOST_SEEDS = 1000
"""More would settle nothing that somebody waits for."""
LEAST_STEP = 1e-9
"""Of a share; what differs by less is the same number of images."""


def points(pairs: Iterable[GatedPair]) -> Iterator[Verdict]:
    """A verdict on each accuracy.

    Regressed: the Holm-adjusted p of "it fell by at most the threshold", one-sided over seeds, is below 0.05; improved
    likewise upwards; unchanged: the unadjusted 95 % interval of the mean difference lies within ± the threshold. What
    is gated as exact regresses where any seed lost an image: on a CPU the same seed gives the same bits.
    """
    judged: list[tuple[GatedPair, list[float]]] = []
    for pair in pairs:
        moved = [new - old for old, new in zip(pair.ours.per_process, pair.theirs.per_process, strict=False)]
        if reason := _strange(pair):
            yield replace(pair.verdict("incomparable"), reason=reason)
        elif pair.threshold is None or not any(abs(each) > LEAST_STEP for each in moved):
            yield _exactly(pair, moved)
        elif len(moved) < 2 or deviation(moved) < LEAST_STEP:
            why = "a single seed says" if len(moved) < 2 else "every seed moved by the same, which says"
            yield replace(_changed(pair, moved, "inconclusive"), reason=f"{why} nothing of the spread")
        else:
            judged.append((pair, moved))
    fallen = holm([_p(moved, pair.limit) for pair, moved in judged])
    risen = holm([_p([-each for each in moved], pair.limit) for pair, moved in judged])
    for (pair, moved), down, up in zip(judged, fallen, risen, strict=True):
        yield _told(pair, moved, down, up, len(judged))


def _strange(pair: GatedPair) -> str | None:
    """What makes two accuracies incomparable, in words."""
    if pair.ours.seeds != pair.theirs.seeds:
        return "the two have other seeds"
    ours, theirs = pair.ours.details, pair.theirs.details
    keys = (*MADE_ALIKE, *(SAME_BITS if pair.threshold is None else ()))
    differing = [key for key in keys if ours.get(key) != theirs.get(key)]
    return f"the two differ in {', '.join(differing)}" if differing else None


def _exactly(pair: GatedPair, moved: Sequence[float]) -> Verdict:
    """Any image lost counts, on any seed."""
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


def _p(moved: Sequence[float], limit: float) -> float:
    """Of "the mean fell by at most the limit", by a one-sided t test."""
    from scipy.special import stdtr

    n = len(moved)
    return float(stdtr(n - 1, (math.fsum(moved) / n + limit) / (deviation(moved) / math.sqrt(n))))


def _told(pair: GatedPair, moved: Sequence[float], down: float, up: float, family: int) -> Verdict:
    mean, low, high = student_interval(moved)
    assert low is not None and high is not None  # seeds that moved by other amounts are at least two
    kind: Kind = "inconclusive"
    if down < SIGNIFICANCE:
        kind = "regressed"
    elif up < SIGNIFICANCE:
        kind = "improved"
    elif inside(low, high, pair.limit):
        kind = "unchanged"
    reason = _settles(abs(mean), deviation(moved), pair.limit, len(moved), family) if kind == "inconclusive" else None
    return replace(_changed(pair, moved, kind), p=down if mean < 0 else up, reason=reason)


def _settles(mean: float, spread: float, limit: float, now: int, family: int) -> str:
    """How many seeds would show a change as seen, at the spread seen, to be beyond the threshold or within it."""
    from scipy.special import stdtrit

    level = 1 - SIGNIFICANCE / family if mean > limit else (1 + LEVEL) / 2
    for seeds in range(now + 1, MOST_SEEDS + 1):
        if abs(mean - limit) > float(stdtrit(seeds - 1, level)) * spread / math.sqrt(seeds):
            return f"would be settled, if things stay as seen, by {seeds} seeds"
    return "too near the threshold for any sensible number of seeds to settle it"
