"""The A/A control of a report: a second, identical build of the baseline, timed in the same rounds.

A report claims nothing about the times of a group whose control does not pass. :mod:`bench.results.compare` has another
rule for two runs, see docs/decisions/0009.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

from bench.results.estimates import Comparison
from bench.results.statistics import Estimate

Threshold: TypeAlias = Callable[[Comparison], float]
"""The threshold of a time's ratio to the baseline, as a fraction."""
TimedGroup: TypeAlias = tuple[str, str, str, str]
"""Run, measure, group and value: what a variant shares with its baseline and its control."""


def is_compared_time(comparison: Comparison) -> bool:
    """Whether a value is a time that reports compare; the host's wall time is shown beside the device's only."""
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
