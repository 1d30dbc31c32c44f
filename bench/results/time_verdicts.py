"""The verdict on each time of one run: slower or faster than the baseline, no difference, or inconclusive."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import expm1, inf, log
from typing import Literal, TypeAlias, get_args

from bench.results.controls import Threshold, control_ratios, is_biased, is_compared_time, resolution, timed_group
from bench.results.estimates import Comparison, process_range
from bench.results.statistics import Estimate, processes_disagree

TimeKind: TypeAlias = Literal["slower", "faster", "no difference", "inconclusive"]
GroupCause: TypeAlias = Literal["no A/A control", "the machine was busy", "the machine is biased"]
"""Why all times of a group are inconclusive."""
Cause: TypeAlias = GroupCause | Literal["too few processes", "processes disagree"]


@dataclass(frozen=True)
class TimeVerdict:
    """The verdict on the time of one variant.

    Args:
        variant: the comparison of its time.
        verdict: slower or faster: the whole interval of the ratio lies beyond the resolution; no difference: it lies
            within; inconclusive: neither.
        resolution: the resolution r of the group, as a log ratio; None without an A/A control.
        cause: why it is inconclusive; None if the interval just contains r or −r. "processes disagree" also
            accompanies the other kinds.
    """

    variant: Comparison
    verdict: TimeKind
    resolution: float | None
    cause: Cause | None

    @property
    def resolution_percent(self) -> float:
        """The resolution as a change in percent; infinite without an A/A control."""
        return inf if self.resolution is None else 100 * expm1(self.resolution)

    @property
    def margin(self) -> float:
        """The smallest log ratio that counts as a difference; infinite if the whole group is inconclusive."""
        return inf if self.resolution is None or self.cause in get_args(GroupCause) else self.resolution

    @property
    def process_range(self) -> Estimate | None:
        """The range of the ratio over processes, if these disagree so much that an interval would be too narrow."""
        return process_range(self.variant) if self.cause == "processes disagree" else None


def time_verdicts(comparisons: Sequence[Comparison], threshold: Threshold) -> list[TimeVerdict]:
    """The verdict on every variant's time that reports compare, in the order given.

    Args:
        comparisons: the comparisons of one or several runs.
        threshold: the threshold of a time's ratio, as a fraction.
    """
    controls = control_ratios(comparisons)
    return [
        _verdict(member, controls.get(timed_group(member)), threshold(member))
        for member in comparisons
        if member.role == "variant" and is_compared_time(member) and member.ratio is not None
    ]


def direction(low: float, high: float, limit: float) -> TimeKind:
    """Where an interval of a log ratio lies relative to ± a limit."""
    if low > limit:
        return "slower"
    if high < -limit:
        return "faster"
    return "no difference" if -limit < low and high < limit else "inconclusive"


def verdict_on_ratio(
    ratio: Estimate, points: Sequence[float], errors: Sequence[float], limit: float
) -> tuple[TimeKind, Cause | None]:
    """The verdict on a ratio in a group without a cause against it, and what casts doubt on it.

    Args:
        ratio: the ratio.
        points: log ratio of each process.
        errors: standard error of each.
        limit: the resolution of the group, as a log ratio.
    """
    if ratio.low is None or ratio.high is None:
        return "inconclusive", "too few processes"
    if processes_disagree(points, errors):
        # The t interval is too narrow for processes in two regimes, so all of them must agree on the direction, too.
        verdict = direction(min(*points, log(ratio.low)), max(*points, log(ratio.high)), limit)
        return "inconclusive" if verdict == "no difference" else verdict, "processes disagree"
    return direction(log(ratio.low), log(ratio.high), limit), None


def _verdict(variant: Comparison, control: Estimate | None, threshold: float) -> TimeVerdict:
    limit, ratio = resolution(control, threshold), variant.ratio
    if cause := _group_cause(variant, control, threshold):
        return TimeVerdict(variant, "inconclusive", limit, cause)
    assert limit is not None and ratio is not None
    verdict, doubt = verdict_on_ratio(ratio, variant.per_process, variant.process_errors, limit)
    return TimeVerdict(variant, verdict, limit, doubt)


def _group_cause(variant: Comparison, control: Estimate | None, threshold: float) -> GroupCause | None:
    if variant.disturbance is not None and variant.disturbance.busy:
        return "the machine was busy"
    if control is None or control.low is None:
        return "no A/A control"
    return "the machine is biased" if is_biased(control, threshold) else None
