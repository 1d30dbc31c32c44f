"""Accuracies on two sides → verdicts, seed by seed; higher is better, and a threshold is in points."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from bench.results.sides import Pair, Verdict
from bench.results.statistics import Estimate, holm, student_interval
from bench.results.verdicts import SIGNIFICANCE, Kind, inside

ACCURACIES = frozenset({"top1", "top5"})
"""Values that are shares of images, of which more are better."""


def points(pairs: Iterable[Pair]) -> Iterator[Verdict]:
    """A verdict on each accuracy.

    Regressed: the Holm-adjusted p of "it fell by at most the threshold", one-sided over seeds, is below 0.05; improved
    likewise upwards; unchanged: the unadjusted 95 % interval of the mean difference lies within ± the threshold. What
    is gated as exact regresses where the mean falls at all: on a CPU the same seed gives the same bits.
    """
    judged: list[tuple[Pair, list[float]]] = []
    for pair in pairs:
        if pair.ours.seeds != pair.theirs.seeds:
            yield replace(pair.verdict("incomparable"), reason="the two have other seeds")
        else:
            moved = [new - old for old, new in zip(pair.ours.figures, pair.theirs.figures, strict=True)]
            if pair.threshold is None or len(set(moved)) == 1:
                yield _certain(pair, moved)
            else:
                judged.append((pair, moved))
    fallen = holm([_p(moved, pair.limit) for pair, moved in judged])
    risen = holm([_p([-each for each in moved], pair.limit) for pair, moved in judged])
    for (pair, moved), down, up in zip(judged, fallen, risen, strict=True):
        yield _told(pair, moved, down, up)


def _certain(pair: Pair, moved: list[float]) -> Verdict:
    """Where nothing is left to chance: any change counts, or every seed moved by the same."""
    mean = sum(moved) / len(moved)
    change = Estimate(mean, mean, mean, "exact")
    kind: Kind = "regressed" if mean < -pair.limit else "improved" if mean > pair.limit else "unchanged"
    if kind != "unchanged" and pair.threshold is not None and len(moved) < 2:
        return replace(pair.verdict("inconclusive"), change=change, reason="an interval needs at least two seeds")
    return replace(pair.verdict(kind), change=change)


def _p(moved: list[float], limit: float) -> float:
    """Of "the mean fell by at most the limit", by a one-sided t test."""
    from scipy.special import stdtr

    mean, error = _mean_and_error(moved)
    return float(stdtr(len(moved) - 1, (mean + limit) / error))


def _mean_and_error(moved: list[float]) -> tuple[float, float]:
    n = len(moved)
    mean = sum(moved) / n
    return mean, (sum((each - mean) ** 2 for each in moved) / (n - 1) / n) ** 0.5


def _told(pair: Pair, moved: list[float], down: float, up: float) -> Verdict:
    mean, low, high = student_interval(moved)
    assert low is not None and high is not None  # seeds that moved by other amounts are at least two
    change = Estimate(mean, low, high, f"mean over {len(moved)} seeds, Student t")
    kind: Kind = "inconclusive"
    if down < SIGNIFICANCE:
        kind = "regressed"
    elif up < SIGNIFICANCE:
        kind = "improved"
    elif inside(low, high, pair.limit):
        kind = "unchanged"
    reason = "more seeds would settle it" if kind == "inconclusive" else None
    return replace(pair.verdict(kind), change=change, p=down if mean < 0 else up, reason=reason)
