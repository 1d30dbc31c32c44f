"""The gated values of both sides of a comparison, in pairs, and the verdicts that need no test."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from bench.results.columns import AXIS_COLUMNS
from bench.results.estimates import Comparison, estimate
from bench.results.statistics import Estimate
from bench.results.verdicts import Kind, Verdict


@dataclass(frozen=True)
class GatedPair:
    """One gated value on both sides.

    Args:
        name: the value's name in a gate.
        ours, theirs: the earlier and the later run, or A and B.
        threshold: threshold as a fraction; None for an exact value, for which no increase passes.
        measured_seconds: measured time of one process of the later run's whole group.
    """

    name: str
    ours: Comparison
    theirs: Comparison
    threshold: float | None
    measured_seconds: float

    @property
    def is_time(self) -> bool:
        return self.theirs.unit == "s"

    @property
    def limit(self) -> float:
        return self.threshold or 0.0

    @property
    def family(self) -> str:
        """The group of values that share an A/A control."""
        return f"{self.theirs.measure} {self.theirs.group} {self.theirs.value}"

    def verdict(self, kind: Kind) -> Verdict:
        """A verdict of this type, with all fields that need no test."""
        new = self.theirs
        blank = Verdict(kind, new.measure, new.group, new.cell, self.name, new.unit, self.threshold, axes=new.axes)
        if not self.is_time:
            return replace(blank, base=self.ours.absolute, new=new.absolute)
        # Two revisions that are measured in pairs have a single ratio: B relative to A.
        seconds = replace(blank, unit="1", base_seconds=self.ours.absolute, new_seconds=new.absolute)
        return replace(seconds, base=self.ours.ratio, new=new.ratio if self.ours.ratio else None)


@dataclass
class _Member:
    """One cell on one side.

    Args:
        values: name of the value → its estimates.
        unreadable: name of a value without a readable sample → the reason.
        trouble: why the cell failed or was skipped; None if it was measured.
        skipped: whether all records without a measurement were skipped, and none failed.
        axes: axis → label.
    """

    values: dict[str, Comparison] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    trouble: str | None = None
    skipped: bool = True
    axes: dict[str, Any] = field(default_factory=dict)


class RunSide:
    """The cells of some roles on one side of a comparison.

    With several roles, a cell must have the same role on both sides, because its ratio is relative to the baseline.

    Args:
        name: the side's name in messages.
        frame: the records.
        roles: the roles of the cells to take.
    """

    def __init__(self, name: str, frame: pd.DataFrame, roles: Collection[str]) -> None:
        self.name = name
        self.members: dict[tuple[str, ...], _Member] = {}
        self.measured_seconds: dict[tuple[str, str, str], float] = {}
        by_role = len(roles) > 1
        for row in frame.to_dict("records"):
            if row["role"] in roles:
                place = row["measure"], row["group"], row["cell"], *([row["role"]] if by_role else [])
                member = self.members.setdefault(place, _Member(axes={axis: row[axis] for axis in AXIS_COLUMNS}))
                if row["status"] != "ok":
                    member.trouble = member.trouble or f"{row['status']}: {row['reason']}"
                    member.skipped &= row["status"] == "skipped"
                elif row["median"] is None:
                    member.unreadable[row["value"]] = f"{row['value']} could not be read: {row['reason']}"
        for comparison in estimate(frame):
            family = comparison.measure, comparison.group, comparison.value
            self.measured_seconds[family] = self.measured_seconds.get(family, 0.0) + comparison.measured_seconds
            if comparison.role in roles:
                place = comparison.measure, comparison.group, comparison.cell
                self.members[(*place, *([comparison.role] if by_role else []))].values[comparison.value] = comparison


def pair_up(gate: Mapping[str, float | None], ours: RunSide, theirs: RunSide) -> tuple[list[Verdict], list[GatedPair]]:
    """Verdicts on what failed or is missing on one side, and the pairs that can be compared.

    Args:
        gate: gated value → threshold as a fraction, None for an exact value.
        ours: the earlier run, or A.
        theirs: the later run, or B.
    """
    settled: list[Verdict] = []
    pairs: list[GatedPair] = []
    for place in dict.fromkeys((*ours.members, *theirs.members)):
        before, after = (side.members.get(place, _Member()) for side in (ours, theirs))
        if before.trouble and after.trouble and before.skipped and after.skipped:
            continue  # a cell that neither side can run is not a failure
        names = _gate_name_of_value(gate, before, after)
        members = (ours, before), (theirs, after)
        trouble = [f"{side.name}: {member.trouble}" for side, member in members if member.trouble]
        if trouble and not names:
            names = {"": ""}
        for value, name in names.items():
            unread = [
                f"{side.name}: {member.unreadable[value]}" for side, member in members if value in member.unreadable
            ]
            reason = "; ".join(trouble + unread)
            axes = after.axes or before.axes
            blank = Verdict("failed", place[0], place[1], place[2], name, reason=reason, axes=axes)
            if _is_added(before, after):
                settled.append(replace(blank, kind="new"))
            elif trouble or unread:
                settled.append(blank)
            elif value not in after.values:
                settled.append(replace(blank, reason=f"{theirs.name} has no such measurement"))
            elif value not in before.values:
                settled.append(replace(blank, kind="new", reason=f"{ours.name} has no such measurement"))
            else:
                seconds = theirs.measured_seconds[place[0], place[1], value]
                pairs.append(GatedPair(name, before.values[value], after.values[value], gate[name], seconds))
    return settled, pairs


_MISSING_CODE = re.compile(r"failed: UnknownNameError: (unknown |cannot load .*(No module named|has no attribute))")
"""The reason why a revision cannot build a cell whose module it does not have."""


def _is_added(before: _Member, after: _Member) -> bool:
    """Whether a cell exists on the later side only, because the earlier one lacks the code of its module.

    Where both sides are timed in pairs, the later side of such a cell is skipped and not measured.
    """
    missing = before.trouble is not None and _MISSING_CODE.match(before.trouble) is not None
    return missing and (after.trouble is None or after.skipped)


def _gate_name_of_value(gate: Mapping[str, float | None], *members: _Member) -> dict[str, str]:
    """Value → the name that gates it: a time is gated as a ratio, other values by their own name."""
    names = {}
    units = {value: comparison.unit for member in members for value, comparison in member.values.items()}
    for value, unit in units.items():
        ratio = f"{value}_ratio"
        if unit == "s" and ratio in gate:
            names[value] = ratio
        elif value in gate:
            names[value] = value
    names.update({value: value for member in members for value in member.unreadable if value in gate})
    return names


def exact_verdict(pair: GatedPair) -> Verdict:
    """The verdict on an exact value: any increase is a regression, or one beyond the threshold if there is one."""
    before, after = pair.ours.absolute.point, pair.theirs.absolute.point
    allowed = abs(before) * pair.limit
    kind: Kind = "regressed" if after > before + allowed else "improved" if after < before - allowed else "unchanged"
    ratio = after / before if before else None
    change = Estimate(ratio, ratio, ratio, "exact") if ratio is not None else None
    return replace(pair.verdict(kind), change=change)


def unmatched(gate: Iterable[str], verdicts: Iterable[Verdict]) -> Iterator[Verdict]:
    """A failure for each gated name that neither side has a value for."""
    present = {verdict.value for verdict in verdicts}
    for name in gate:
        if name not in present:
            yield Verdict(
                "failed", "", "", "", name, reason="the gate names it, but neither side has a value of that name"
            )
