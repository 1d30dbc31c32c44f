"""The A/A control: a second, identical build of the baseline, timed in the same rounds.

It sets the resolution of its group: a change that is smaller than the interval of the control may be noise of the
machine. Reports and comparisons use the same rules, see docs/decisions/0018.
"""

from collections.abc import Callable, Iterable, Mapping
from math import log, log1p
from typing import TypeAlias

from bench.results.estimates import Comparison
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


def resolution(control: Estimate | None, threshold: float) -> float | None:
    """The smallest log ratio that a group can show: the threshold, or the far end of the control's interval if larger.

    Args:
        control: the ratio of the control; None if none was measured.
        threshold: as a fraction.

    Returns:
        r = max(log(1 + threshold), |log low|, |log high|); None if there is no control with an interval.
    """
    if control is None or control.low is None or control.high is None:
        return None
    return max(log1p(threshold), -log(control.low), log(control.high))


def is_biased(control: Estimate, threshold: float) -> bool:
    """Whether a control differs significantly from its identical baseline, and by more than the threshold."""
    if control.low is None or control.high is None:
        return False
    return not control.low <= 1 <= control.high and abs(log(control.point)) > log1p(threshold)
