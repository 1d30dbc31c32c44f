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
    """What a comparison says of one gated value of one cell.

    Args:
        kind: the verdict.
        measure, group, cell, value: of what; the value is empty where nothing was measured.
        unit: of ``base`` and ``new``; those of times are ratios.
        threshold: as a fraction; None where nothing at all is allowed.
        base, new: what the two were: of times the ratio to the baseline, else the value; None where there is none, and
            for times of two revisions, which are compared with one another and with nothing else.
        change: new ÷ base with its unadjusted 95 % interval, of accuracies new − base; None where it cannot be told.
        p: of the change in the direction it has, Holm-adjusted over the comparison; None for what is exact.
        reason: why it failed, or why nothing can be told.
        control: of the A/A control that did not pass.
        repeats, seconds: where inconclusive, how many repeats a side, and how many measured seconds of the group a
            side, would settle it; None where longer measuring would not.
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
    """0: nothing regressed. 1: something did. 3: something failed, vanished or is incomparable, or nothing was told.

    Args:
        verdicts: of one comparison.
        strict: whether a single inconclusive one makes 3, too.
    """
    kinds = {verdict.kind for verdict in verdicts}
    if "regressed" in kinds:
        return 1
    if kinds & {"failed", "incomparable"} or not kinds & {"improved", "unchanged"}:
        return 3
    return 3 if strict and "inconclusive" in kinds else 0
