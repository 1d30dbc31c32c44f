import math

from bench.results.pareto import ParetoPoint, standings
from bench.results.statistics import Estimate


def estimate(point: float, half: float) -> Estimate:
    return Estimate(point, point - half, point + half, "t")


def point(gain: float, latency: float, resolution: float = 0.01) -> ParetoPoint:
    """A point with intervals of ±0.1 percentage points and ±0.01."""
    return ParetoPoint(estimate(gain, 0.1), estimate(latency, 0.01), resolution)


FRONT = point(1.0, 1.05)


def test_dominated_in_both_with_disjoint_intervals() -> None:
    assert standings([FRONT, point(0.5, 1.1)]) == ["on the front", "dominated"]


def test_overlap_in_gain_or_latency_is_possibly_on_the_front() -> None:
    assert standings([FRONT, point(0.9, 1.1)])[1] == "possibly on the front"
    assert standings([FRONT, point(0.5, 1.06)])[1] == "possibly on the front"


def test_uncertain_gain_does_not_put_a_slower_point_on_the_front() -> None:
    """All modules are slower than plain, and none is certainly more accurate."""
    plain = ParetoPoint(Estimate(0.0, 0.0, 0.0, "exact"), Estimate(1.0, 1.0, 1.0, "exact"), 0.0)
    module = ParetoPoint(estimate(0.5, 0.8), estimate(1.1, 0.01), 0.01)
    assert standings([plain, module]) == ["on the front", "possibly on the front"]


def test_latencies_must_differ_by_more_than_the_resolution() -> None:
    # The intervals are 1.04 to 1.06 and 1.09 to 1.11: 2.8 % apart.
    assert standings([FRONT, point(0.5, 1.1, resolution=0.02)])[1] == "dominated"
    assert standings([FRONT, point(0.5, 1.1, resolution=0.03)])[1] == "possibly on the front"
    assert standings([point(1.0, 1.05, resolution=math.inf), point(0.5, 1.1)])[1] == "possibly on the front"


def test_certain_trade_offs_are_on_the_front() -> None:
    assert standings([FRONT, point(2.0, 1.5)]) == ["on the front"] * 2
    assert standings([FRONT]) == ["on the front"]
    assert standings([FRONT, point(1.0, 1.05)]) == ["possibly on the front"] * 2  # equal points


def test_without_intervals_nothing_is_certain() -> None:
    alone = ParetoPoint(Estimate(0.5, None, None, "t"), Estimate(1.1, None, None, "t"), 0.01)
    assert standings([FRONT, alone]) == ["possibly on the front"] * 2
