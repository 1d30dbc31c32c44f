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

    One point is certainly better than another in gain or in latency if their intervals do not overlap; latencies must
    also differ by more than the resolution. A point is dominated if one other point is certainly better in both. It is
    on the front if it is certainly better than every other point in one of them. It is possibly on the front otherwise.
    """
    return [_standing(point, [other for other in points if other is not point]) for point in points]


def _standing(point: ParetoPoint, others: Sequence[ParetoPoint]) -> Standing:
    if any(_is_more_accurate(other, point) and _is_faster(other, point) for other in others):
        return "dominated"
    ahead = (_is_more_accurate(point, other) or _is_faster(point, other) for other in others)
    return "on the front" if all(ahead) else "possibly on the front"


def _is_more_accurate(one: ParetoPoint, other: ParetoPoint) -> bool:
    """Whether the whole interval of one gain lies above that of the other; False without intervals."""
    low, high = one.gain.low, other.gain.high
    return low is not None and high is not None and high < low


def _is_faster(one: ParetoPoint, other: ParetoPoint) -> bool:
    """Whether the latency of one is below that of the other by more than the resolution."""
    margin = exp(max(one.resolution, other.resolution))
    high, low = one.latency.high, other.latency.low
    return high is not None and low is not None and high * margin < low
