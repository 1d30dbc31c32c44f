"""What our own gate needs: the smallest slow-down that it would have called a regression, as for the peers' rules.

It is 0 for a false alarm, and infinite where nothing would do.
"""

import math
from collections.abc import Callable, Mapping

import pandas as pd

from bench.results.compare import Stored, compare_runs, compare_sides
from bench.results.gated import Verdict

GATE: Mapping[str, float | None] = {"latency_ratio": 0.01}
"""What is judged, and at which threshold."""
_GRID = tuple(step / 1000 for step in range(201))
"""Slow-downs that are tried, as fractions."""


def slowed(frame: pd.DataFrame, slowdown: float) -> pd.DataFrame:
    """The frame with its variants that much slower."""
    changed = frame.copy()
    pairs = zip(frame["role"], frame["samples"], strict=True)
    changed["samples"] = [
        tuple(each * (1 + slowdown) for each in samples) if role == "variant" else samples for role, samples in pairs
    ]
    return changed


def judge_ab(frame: pd.DataFrame) -> list[Verdict]:
    """What ``ab`` says of one comparison."""
    return compare_sides(Stored("ab", frame, {}, GATE), ("A", "B"))


def needed_by_ab(frame: pd.DataFrame) -> float:
    """Of one comparison of revisions, the smallest slow-down that is called a regression."""
    return _first(lambda slowdown: judge_ab(slowed(frame, slowdown)))


def needed_by_compare(base: Stored, new: Stored) -> float:
    """Of two stored runs, the smallest slow-down of the later one that is called a regression."""

    def verdicts(slowdown: float) -> list[Verdict]:
        return compare_runs(base, Stored(new.name, slowed(new.frame, slowdown), new.environments, new.gate))

    return _first(verdicts)


def _first(verdicts: Callable[[float], list[Verdict]]) -> float:
    """The first step of the grid that regresses, by halving: what is called a regression stays one when it grows."""

    def alarm(step: int) -> bool:
        return any(verdict.kind == "regressed" for verdict in verdicts(_GRID[step]))

    low, high = -1, len(_GRID) - 1
    if not alarm(high):
        return math.inf
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if alarm(middle) else (middle, high)
    return _GRID[high]
