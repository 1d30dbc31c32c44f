from bench.results.pareto import ParetoPoint, standings
from bench.results.statistics import Estimate


def estimate(point: float, half: float) -> Estimate:
    return Estimate(point, point - half, point + half, "t")


def point(gain: float, latency: float) -> ParetoPoint:
    """A point with intervals of ±0.1 percentage points and ±0.01."""
    return ParetoPoint(estimate(gain, 0.1), estimate(latency, 0.01))


FRONT = point(1.0, 1.05)


def test_dominated_in_both_with_disjoint_intervals() -> None:
    assert standings([FRONT, point(0.5, 1.1)]) == ["on the front", "dominated"]


def test_overlap_in_gain_or_latency_is_not_resolved() -> None:
    assert standings([FRONT, point(0.9, 1.1)])[1] == "not resolved"
    assert standings([FRONT, point(0.5, 1.06)])[1] == "not resolved"


def test_trade_offs_and_equal_points_are_on_the_front() -> None:
    assert standings([FRONT, point(2.0, 1.5)]) == ["on the front"] * 2
    assert standings([FRONT, FRONT]) == ["on the front"] * 2


def test_without_intervals_nothing_is_dominated() -> None:
    alone = ParetoPoint(Estimate(0.5, None, None, "t"), Estimate(1.1, None, None, "t"))
    assert standings([FRONT, alone])[1] == "not resolved"
