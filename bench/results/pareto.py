"""The Pareto front of accuracy gain against latency."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from typing import Literal, TypeAlias

from bench.results.statistics import Estimate

Standing: TypeAlias = Literal["on the front", "possibly on the front", "dominated"]


@dataclass(frozen=True)
class ParetoPoint:
    """A network with a module, compared with its baseline.

    Args:
        gain: accuracy gain in percentage points.
        latency: ratio to the baseline.
        resolution: the smallest log ratio of two latencies that counts as a difference; infinite where the latency is
            inconclusive for its whole group.
    """

    gain: Estimate
    latency: Estimate
    resolution: float


def standings(points: Sequence[ParetoPoint]) -> list[Standing]:
    """The standing of each point on the Pareto front.

    A point is dominated if one other point is better in gain and in latency, with intervals that do not overlap and
    latencies that differ by more than the resolution. It is possibly on the front if others are better by their
    estimates alone.
    """
    return [_standing(point, [other for other in points if other is not point]) for point in points]


def _standing(point: ParetoPoint, others: Sequence[ParetoPoint]) -> Standing:
    better = [other for other in others if _is_ahead(other, point)]
    if not better:
        return "on the front"
    certain = (_is_below(point.gain, other.gain) and _is_faster(other, point) for other in better)
    return "dominated" if any(certain) else "possibly on the front"


def _is_ahead(one: ParetoPoint, other: ParetoPoint) -> bool:
    """Whether one point's estimates are at least as good in both, and better in one."""
    at_least = one.gain.point >= other.gain.point and one.latency.point <= other.latency.point
    return at_least and (one.gain.point, one.latency.point) != (other.gain.point, other.latency.point)


def _is_faster(one: ParetoPoint, other: ParetoPoint) -> bool:
    """Whether the latency of one is below that of the other by more than the resolution."""
    margin = exp(max(one.resolution, other.resolution))
    high, low = one.latency.high, other.latency.low
    return high is not None and low is not None and high * margin < low


def _is_below(one: Estimate, other: Estimate) -> bool:
    """Whether the whole interval of one lies below that of the other; False without intervals."""
    return one.high is not None and other.low is not None and one.high < other.low
