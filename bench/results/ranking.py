"""The best members of a group: the best one, and every one that does not differ from it."""

from collections.abc import Sequence
from math import fsum
from typing import Literal

from bench.results.estimates import Comparison
from bench.results.statistics import SIGNIFICANCE, holm, t_test


def best_members(
    members: Sequence[Comparison], better: Literal["lower", "higher"], margin: float = 0.0
) -> list[Comparison]:
    """The member with the best mean, and every member that is not significantly worse than it.

    Differences are tested in pairs of processes or seeds, Holm-adjusted over the members, at two-sided 0.05. If no
    member is worse, or if one cannot be tested against the best one, none is best.

    Args:
        members: comparisons of one value of one network, the baseline included.
        better: the direction of an improvement.
        margin: the largest difference that does not count, in the unit of :func:`paired_values`.
    """
    sign = -1 if better == "lower" else 1
    best = max(members, key=lambda member: sign * _mean(paired_values(member)))
    others = [member for member in members if member is not best]
    tests = [_worse_p(member, best, sign, margin) for member in others]
    known = [p for p in tests if p is not None]
    if len(known) < len(tests):
        return []
    equal = [member for member, p in zip(others, holm(known), strict=True) if p >= SIGNIFICANCE]
    return [] if len(equal) == len(others) else [best, *equal]


def paired_values(member: Comparison) -> Sequence[float]:
    """One value relative to the baseline for each process or seed: log ratios of times, differences of other values.

    The baseline has the value 0, once.
    """
    if member.role == "baseline":
        return (0.0,)
    return member.per_process if member.unit == "s" else member.differences


def _mean(values: Sequence[float]) -> float:
    return fsum(values) / len(values)


def _worse_p(member: Comparison, best: Comparison, sign: int, margin: float) -> float | None:
    """The two-sided p-value of "worse by at most the margin", by a paired t test.

    None if the members were not measured together, or if the spread of their differences is unknown.
    """
    ours, theirs = paired_values(member), paired_values(best)
    if (member.run, member.group) != (best.run, best.group):
        return None
    if "baseline" in (member.role, best.role):
        count = max(len(ours), len(theirs))
        ours, theirs = (values if len(values) == count else (0.0,) * count for values in (ours, theirs))
    elif member.seeds != best.seeds or len(ours) != len(theirs):
        return None
    differences = [sign * (other - one) for one, other in zip(ours, theirs, strict=True)]
    excess = [difference - margin for difference in differences]
    return 1.0 if _mean(excess) <= 0 else t_test(excess)
