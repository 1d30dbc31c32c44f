"""What is gated, on both sides of a comparison: paired up, and settled where nothing has to be judged."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import pandas as pd

from bench.results.estimates import Comparison, estimate
from bench.results.statistics import Estimate
from bench.results.verdicts import Kind, Verdict


@dataclass(frozen=True)
class GatedPair:
    """One gated value on both sides.

    Args:
        name: of the value, as a gate has it.
        ours, theirs: the earlier and the later, or A and B.
        threshold: as a fraction; None where nothing at all is allowed.
        spent: measured seconds of one repeat of the later one's whole group.
    """

    name: str
    ours: Comparison
    theirs: Comparison
    threshold: float | None
    spent: float

    @property
    def is_time(self) -> bool:
        return self.theirs.unit == "s"

    @property
    def limit(self) -> float:
        return self.threshold or 0.0

    @property
    def family(self) -> str:
        """What shares a control."""
        return f"{self.theirs.measure} {self.theirs.group} {self.theirs.value}"

    def verdict(self, kind: Kind) -> Verdict:
        """What can be said before anything is judged."""
        own = self.theirs
        blank = Verdict(kind, own.measure, own.group, own.cell, self.name, own.unit, self.threshold)
        if not self.is_time:
            return replace(blank, base=self.ours.absolute, new=own.absolute)
        # The two sides of one comparison of revisions have no ratios of their own.
        return replace(blank, unit="1", base=self.ours.ratio, new=own.ratio if self.ours.ratio else None)


@dataclass
class _Member:
    """One cell on one side: value name → comparison, and what went wrong."""

    values: dict[str, Comparison] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    trouble: str | None = None
    skipped: bool = True


class RunSide:
    """The cells of some roles on one side.

    Where several roles are wanted a cell must have the same on both sides: its ratio is to the baseline.
    """

    def __init__(self, name: str, frame: pd.DataFrame, roles: Collection[str]) -> None:
        self.name = name
        self.members: dict[tuple[str, ...], _Member] = {}
        self.spent: dict[tuple[str, str, str], float] = {}
        many = len(roles) > 1
        for row in frame.to_dict("records"):
            if row["role"] in roles:
                place = row["measure"], row["group"], row["cell"], *([row["role"]] if many else [])
                member = self.members.setdefault(place, _Member())
                if row["status"] != "ok":
                    member.trouble = member.trouble or f"{row['status']}: {row['reason']}"
                    member.skipped &= row["status"] == "skipped"
                elif row["median"] is None:
                    member.unreadable[row["value"]] = f"{row['value']} could not be read: {row['reason']}"
        for each in estimate(frame):
            family = each.measure, each.group, each.value
            self.spent[family] = self.spent.get(family, 0.0) + each.measured_seconds
            if each.role in roles:
                place = each.measure, each.group, each.cell, *([each.role] if many else [])
                self.members[place].values[each.value] = each


def pair_up(gate: Mapping[str, float | None], ours: RunSide, theirs: RunSide) -> tuple[list[Verdict], list[GatedPair]]:
    """What is settled since it failed or is not there on both sides, and what can be compared."""
    settled: list[Verdict] = []
    pairs: list[GatedPair] = []
    for place in dict.fromkeys((*ours.members, *theirs.members)):
        before, after = (half.members.get(place, _Member()) for half in (ours, theirs))
        if before.trouble and after.trouble and before.skipped and after.skipped:
            continue  # what neither side can run is no failure
        names = _names(gate, before, after)
        trouble = [f"{half.name}: {each.trouble}" for half, each in ((ours, before), (theirs, after)) if each.trouble]
        if trouble and not names:
            names = {"": ""}
        for value, name in names.items():
            unread = [
                f"{half.name}: {each.unreadable[value]}"
                for half, each in ((ours, before), (theirs, after))
                if value in each.unreadable
            ]
            blank = Verdict("failed", place[0], place[1], place[2], name, reason="; ".join(trouble + unread))
            if trouble or unread:
                settled.append(blank)
            elif value not in after.values:
                settled.append(replace(blank, reason=f"{theirs.name} has no such measurement"))
            elif value not in before.values:
                settled.append(replace(blank, kind="new", reason=f"{ours.name} has no such measurement"))
            else:
                spent = theirs.spent[place[0], place[1], value]
                pairs.append(GatedPair(name, before.values[value], after.values[value], gate[name], spent))
    return settled, pairs


def _names(gate: Mapping[str, float | None], *members: _Member) -> dict[str, str]:
    """Value → the name under which it is gated: for a time as a ratio, else by its own name."""
    found = {}
    for value, each in {value: each for member in members for value, each in member.values.items()}.items():
        ratio = f"{value}_ratio"
        if each.unit == "s" and ratio in gate:
            found[value] = ratio
        elif value in gate:
            found[value] = value
    found.update({value: value for member in members for value in member.unreadable if value in gate})
    return found


def exact(pair: GatedPair) -> Verdict:
    """A count is what it is: it regresses by any increase, or by one beyond its threshold."""
    before, after = pair.ours.absolute.point, pair.theirs.absolute.point
    allowed = abs(before) * pair.limit
    kind: Kind = "regressed" if after > before + allowed else "improved" if after < before - allowed else "unchanged"
    ratio = after / before if before else None
    change = Estimate(ratio, ratio, ratio, "exact") if ratio is not None else None
    return replace(pair.verdict(kind), change=change)


def unmatched(gate: Iterable[str], verdicts: Iterable[Verdict]) -> Iterator[Verdict]:
    """A failure for each gated name that nothing on either side goes by."""
    there = {verdict.value for verdict in verdicts}
    for name in gate:
        if name not in there:
            yield Verdict("failed", "", "", "", name, reason="it is gated, and no value on either side has that name")
