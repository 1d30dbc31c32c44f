"""The verdict on one gated value, and the exit code of a comparison."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from bench.results.statistics import Estimate
from bench.results.values import ACCURACIES

Kind: TypeAlias = Literal["regressed", "failed", "incomparable", "inconclusive", "improved", "unchanged", "new"]
"""The kinds of verdicts, worst first."""
ORDER = get_args(Kind)


@dataclass(frozen=True)
class Verdict:
    """The verdict on one gated value of one cell.

    Args:
        kind: the kind of verdict.
        measure, group, cell, value: the gated value; ``value`` is empty where nothing was measured.
        axes: axis → label of the cell; empty for a gated name without a cell.
        unit: unit of ``base`` and ``new``; times are given as ratios.
        threshold: as a fraction; None where no increase passes.
        base, new: the value on both sides: for a time its ratio to the baseline; None where there is none, and for
            times of two revisions, which are compared with each other only.
        base_seconds, new_seconds: a time on both sides, with the range of its samples; None for other values.
        change: new ÷ base with its unadjusted 95 % interval, for accuracies new − base; None where unknown.
        p: p-value in the direction of the change, Holm-adjusted over the comparison; None for exact values.
        reason: the cause of a failure or of an inconclusive verdict.
        evidence: the ratio that the reason is about: of an A/A control, or the range over processes that disagree.
        repeats, seconds: for an inconclusive verdict, the processes on each side and the measured seconds of the group
            that would decide it with 80 % power; None where longer measuring would not.
        detectable: the smallest slowdown, as a fraction, that would have been detected with 80 % power; for tested
            times only.
    """

    kind: Kind
    measure: str
    group: str
    cell: str
    value: str
    unit: str = "1"
    threshold: float | None = None
    base: Estimate | None = None
    new: Estimate | None = None
    base_seconds: Estimate | None = None
    new_seconds: Estimate | None = None
    change: Estimate | None = None
    p: float | None = None
    reason: str | None = None
    evidence: Estimate | None = None
    repeats: int | None = None
    seconds: float | None = None
    detectable: float | None = None
    axes: Mapping[str, Any] = field(default_factory=dict)


OnInconclusive: TypeAlias = Literal["fail", "warn", "pass"]
"""Treatment of single inconclusive verdicts: exit code 3, a warning, or nothing."""
DECIDED: frozenset[Kind] = frozenset({"improved", "unchanged"})


def exit_code(verdicts: Iterable[Verdict], on_inconclusive: OnInconclusive = "warn") -> int:
    """The exit code of a comparison.

    0: nothing regressed, and every type of gated value (times, accuracies, exact values) reached a verdict.
    1: something regressed.
    3: something failed, vanished or is incomparable, or no value of one type reached a verdict.

    Args:
        verdicts: the verdicts of one comparison.
        on_inconclusive: whether a single inconclusive verdict gives 3, too.
    """
    kinds_by_type: dict[str, set[Kind]] = {}
    for verdict in verdicts:
        kinds_by_type.setdefault(_type_of_value(verdict), set()).add(verdict.kind)
    kinds: set[Kind] = set().union(*kinds_by_type.values())
    if "regressed" in kinds:
        return 1
    if kinds & {"failed", "incomparable"} or not kinds & DECIDED:
        return 3
    undecided = any("inconclusive" in of_type and not of_type & DECIDED for of_type in kinds_by_type.values())
    return 3 if undecided or (on_inconclusive == "fail" and "inconclusive" in kinds) else 0


def _type_of_value(verdict: Verdict) -> Literal["time", "accuracy", "exact"]:
    if verdict.value in ACCURACIES:
        return "accuracy"
    return "time" if verdict.new_seconds is not None or verdict.value.endswith("_ratio") else "exact"
