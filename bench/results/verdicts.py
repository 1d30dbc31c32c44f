"""The verdict on one gated value, and the exit code of a comparison."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from bench.results.statistics import Estimate

Kind: TypeAlias = Literal["regressed", "failed", "incomparable", "inconclusive", "improved", "unchanged", "new"]
"""The kinds of verdicts, worst first."""
ORDER = get_args(Kind)


@dataclass(frozen=True)
class Verdict:
    """The verdict on one gated value of one cell.

    Args:
        kind: the kind of verdict.
        measure, group, cell, value: the gated value; ``value`` is empty where nothing was measured.
        unit: unit of ``base`` and ``new``; times are given as ratios.
        threshold: as a fraction; None where no increase passes.
        base, new: the value on both sides: for a time its ratio to the baseline; None where there is none, and for
            times of two revisions, which are compared with each other only.
        change: new ÷ base with its unadjusted 95 % interval, for accuracies new − base; None where unknown.
        p: p-value in the direction of the change, Holm-adjusted over the comparison; None for exact values.
        reason: the cause of a failure or of an inconclusive verdict.
        control: the ratio of an A/A control that did not pass.
        repeats, seconds: for an inconclusive verdict, the processes on each side and the measured seconds of the group
            that would decide it; None where longer measuring would not.
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
    change: Estimate | None = None
    p: float | None = None
    reason: str | None = None
    control: Estimate | None = None
    repeats: int | None = None
    seconds: float | None = None


def exit_code(verdicts: Iterable[Verdict], strict: bool = False) -> int:
    """0: nothing regressed. 1: something regressed. 3: something failed, vanished or is incomparable, or all is open.

    Args:
        verdicts: the verdicts of one comparison.
        strict: whether a single inconclusive verdict gives 3, too.
    """
    kinds = {verdict.kind for verdict in verdicts}
    if "regressed" in kinds:
        return 1
    if kinds & {"failed", "incomparable"} or not kinds & {"improved", "unchanged"}:
        return 3
    return 3 if strict and "inconclusive" in kinds else 0
