"""The A/A control: a second, identical build of the baseline, timed in the same rounds.

There are two rules. In the report of one run, the times of a group are inconclusive unless the whole interval of its
control lies within the threshold (:func:`passes`). In a comparison of two runs, they are inconclusive if the estimate
of a control exceeds the threshold (:func:`control_failure`). The width of its interval is not considered there, because
the tested intervals include it; see docs/decisions/0009.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import exp, sqrt
from typing import TypeAlias

import numpy as np

from bench.results.estimates import Comparison
from bench.results.gated import GatedPair
from bench.results.shifts import Shift, processes_needed, shift_interval
from bench.results.statistics import Estimate

Threshold: TypeAlias = Callable[[Comparison], float]
"""The threshold of a time's ratio to the baseline, as a fraction."""
TimedGroup: TypeAlias = tuple[str, str, str, str]
"""Run, measure, group and value, which a variant shares with its baseline and its control."""


def is_compared_time(comparison: Comparison) -> bool:
    """Whether a value is a time that reports compare. The host's wall time is only shown beside the device's time."""
    return comparison.unit == "s" and comparison.value != "wall"


def timed_group(comparison: Comparison) -> TimedGroup:
    """The group of members that share a baseline and a control."""
    return comparison.run, comparison.measure, comparison.group, comparison.value


def control_ratios(comparisons: Iterable[Comparison]) -> Mapping[TimedGroup, Estimate | None]:
    """The ratio of each control to its baseline."""
    return {timed_group(member): member.ratio for member in comparisons if member.role == "control"}


def passes(control: Estimate | None, threshold: float) -> bool:
    """Whether the whole interval of a control's ratio lies inside ± the threshold, on the logarithmic scale."""
    if control is None or control.low is None or control.high is None:
        return False
    return control.low > 1 / (1 + threshold) and control.high < 1 + threshold


def without_passing_control(comparisons: Iterable[Comparison], threshold: Threshold) -> Iterator[Comparison]:
    """The timed variants whose control does not pass or was not measured: they are inconclusive."""
    members = list(comparisons)
    controls = control_ratios(members)
    for member in members:
        is_variant = member.role == "variant" and is_compared_time(member)
        if is_variant and not passes(controls.get(timed_group(member)), threshold(member)):
            yield member


@dataclass(frozen=True)
class ControlFailure:
    """The reason why the times of a group are inconclusive in a comparison of two runs.

    Args:
        reason: the reason, as text.
        control: the ratio of a control that did not pass.
        repeats: number of processes that would distinguish bias from chance; None if it is not chance.
    """

    reason: str
    control: Estimate | None = None
    repeats: int | None = None


def control_failure(
    control: GatedPair, shift: Shift, variance: float, freedom: float, names: tuple[str, str]
) -> ControlFailure | None:
    """The first side whose control's estimate exceeds the threshold; None if both controls pass.

    Args:
        control: the control of a group on both sides.
        shift: its change between the sides.
        variance, freedom: the moderated variance of the shift, and its degrees of freedom.
        names: the names of the sides.
    """
    for name, ratios in zip(names, (control.ours.per_process, control.theirs.per_process), strict=True):
        side = replace(shift, point=float(np.mean(ratios)), scale=1 / len(ratios), sides=1)
        if abs(side.point) >= side.limit:
            low, high = shift_interval(side, variance, freedom)
            estimate = Estimate(exp(side.point), exp(low), exp(high), "moderated t over processes")
            is_chance = low < side.limit and high > -side.limit
            needed = processes_needed(side, sqrt(variance * side.scale), freedom, 1) if is_chance else None
            return ControlFailure(f"the A/A control of {name} did not pass", estimate, needed)
    return None
