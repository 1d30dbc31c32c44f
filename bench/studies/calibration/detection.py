"""The smallest slowdown that the gate reports as a regression: 0 for a false alarm, infinity if it reports none."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import pandas as pd

from bench.results.compare import compare_pairs, compare_runs
from bench.results.verdicts import Verdict
from bench.studies.calibration.windows import Window

GATE: Mapping[str, float | None] = {"latency_ratio": 0.01}
"""The gated value of ``ab`` and its threshold."""
_SLOWDOWNS = tuple(step / 1000 for step in range(201))
"""The slowdowns that are tried, as fractions."""


def with_slowdown(frame: pd.DataFrame, slowdown: float) -> pd.DataFrame:
    """The frame with the times of its variants increased by a fraction."""
    changed = frame.copy()
    rows = zip(frame["role"], frame["samples"], strict=True)
    changed["samples"] = [
        tuple(sample * (1 + slowdown) for sample in samples) if role == "variant" else samples for role, samples in rows
    ]
    return changed


def ab_verdicts(frame: pd.DataFrame) -> list[Verdict]:
    """The verdicts of ``ab`` on one comparison of revisions."""
    return compare_pairs(Window("ab", frame, {}, GATE), ("A", "B"))


def detected_by_ab(frame: pd.DataFrame) -> float:
    """The smallest slowdown that ``ab`` reports as a regression in one comparison of revisions."""
    return _smallest(lambda slowdown: ab_verdicts(with_slowdown(frame, slowdown)))


def detected_by_compare(base: Window, new: Window) -> float:
    """The smallest slowdown of the later run that ``compare`` reports as a regression."""

    def verdicts(slowdown: float) -> list[Verdict]:
        return compare_runs(base, replace(new, frame=with_slowdown(new.frame, slowdown)))

    return _smallest(verdicts)


def _smallest(verdicts: Callable[[float], list[Verdict]]) -> float:
    """Bisect for the smallest slowdown that is a regression; every larger slowdown is one too."""

    def regressed(step: int) -> bool:
        return any(verdict.kind == "regressed" for verdict in verdicts(_SLOWDOWNS[step]))

    low, high = -1, len(_SLOWDOWNS) - 1
    if not regressed(high):
        return math.inf
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if regressed(middle) else (middle, high)
    return _SLOWDOWNS[high]
