"""Two runs, or the two sides of a comparison of revisions → a verdict on each gated value, and the exit code."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import exp, inf, log, sqrt
from typing import Any, get_args

import numpy as np
import pandas as pd

from bench.results.estimates import Comparison, estimate
from bench.results.statistics import Estimate
from bench.results.verdicts import Judged, Kind, Shift, inside, interval, judge, one_side, settling, spread, two_sides

EXACT = ("params", "macs", "elementwise_ops", "bytes_moved", "operators", "saved_bytes", "live_peak_bytes")
DEFAULT_GATE: Mapping[str, float | None] = {"latency_ratio": 0.01, **dict.fromkeys(EXACT)}
"""What is gated where no suite says it: value name → threshold, None for what must not grow at all."""

MUST_AGREE = ("device", "cpu", "gpu", "threads", "torch")
"""Of the environment, before times of two runs are compared; of CPU and GPU the one that was measured on."""

ORDER = get_args(Kind)
"""Verdicts, the worst first."""


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
        change: new ÷ base with its unadjusted 95 % interval; None where it cannot be told.
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


@dataclass(frozen=True)
class Stored:
    """A stored run.

    Args:
        name: for people.
        frame: its records.
        environments: environment id → ``facts`` and ``state``.
        gate: of its suite.
    """

    name: str
    frame: pd.DataFrame
    environments: Mapping[str, Mapping[str, Any]]
    gate: Mapping[str, float | None]


def compare_runs(base: Stored, new: Stored, accept: Collection[str] = ()) -> list[Verdict]:
    """Compare a run with an earlier one. Returns a verdict for each gated value, the worst first.

    Times are compared by the ratio of their ratios to the baseline, on the same machine and torch; what is exact, as it
    is and wherever it was counted.

    Args:
        base: the earlier run.
        new: the later one; its thresholds hold where both suites gate a value.
        accept: keys of the environment that may differ all the same.
    """
    gate = {**base.gate, **new.gate} or DEFAULT_GATE
    settled, times = _pair_up(gate, *(_Half(run.name, run.frame, ("baseline", "variant")) for run in (base, new)))
    times = [pair for pair in times if pair.ours.role == "variant"]
    strange = _differences(base, new, accept)
    if strange:
        return _sorted([*settled, *(replace(pair.verdict(), kind="incomparable", reason=strange) for pair in times)])
    same = [pair for pair in times if pair.ours.figures == pair.theirs.figures]
    settled += [replace(pair.verdict(), kind="unchanged", change=_SAME, reason="the same records") for pair in same]
    times = [pair for pair in times if pair not in same]
    _, twins = _pair_up(gate, *(_Half(run.name, run.frame, ("twin",)) for run in (base, new)))
    controls = [twin for twin in twins if twin.family in {pair.family for pair in times}]
    without = _Doubt("no A/A control was measured beside it")
    return _sorted([*settled, *_judged(times, _between, controls, without, (base.name, new.name))])


def compare_sides(frame: pd.DataFrame, gate: Mapping[str, float | None], names: tuple[str, str]) -> list[Verdict]:
    """Compare two revisions that were measured in pairs. Returns a verdict for each gated value, the worst first.

    Args:
        frame: of the comparison's records, with A's in the role of the baseline and B's in that of the variant.
        gate: of the suite.
        names: what A and B are.
    """
    halves = (_Half(name, frame, (role,)) for name, role in zip(names, ("baseline", "variant"), strict=True))
    settled, times = _pair_up(gate or DEFAULT_GATE, *halves)
    return _sorted([*settled, *_judged(times, _within, [], None, names)])


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


_SAME = Estimate(1.0, 1.0, 1.0, "same records")


@dataclass(frozen=True)
class _Pair:
    """One gated value on both sides.

    Args:
        ours, theirs: the earlier and the later, or A and B.
        threshold: as a fraction; None where nothing at all is allowed.
    """

    ours: Comparison
    theirs: Comparison
    threshold: float | None
    spent: float

    @property
    def limit(self) -> float:
        return self.threshold or 0.0

    @property
    def family(self) -> str:
        """What shares a baseline and a control."""
        return f"{self.theirs.measure} {self.theirs.group} {self.theirs.value}"

    def verdict(self) -> Verdict:
        """What can be said before anything is judged."""
        own, is_time = self.theirs, self.theirs.unit == "s"
        return Verdict(
            "inconclusive",
            own.measure,
            own.group,
            own.cell,
            f"{own.value}_ratio" if is_time else own.value,
            "1" if is_time else own.unit,
            self.threshold,
            self.ours.ratio if is_time else self.ours.absolute,
            (self.theirs.ratio if self.ours.ratio else None) if is_time else self.theirs.absolute,
        )


class _Half:
    """The members of some roles on one side, by measure, group and cell."""

    def __init__(self, name: str, frame: pd.DataFrame, roles: Collection[str]) -> None:
        self.name = name
        self.values: dict[tuple[str, ...], dict[str, Comparison]] = {}
        self.trouble: dict[tuple[str, ...], str] = {}
        self.spent: dict[tuple[str, str, str], float] = {}
        wrong = frame[(frame["status"] != "ok") | frame["median"].isna()]
        # Where both roles are wanted a cell must have the same one on both sides: its ratio is to the baseline.
        many = len(roles) > 1
        for row in wrong.to_dict("records"):
            if row["role"] in roles:
                place = row["measure"], row["group"], row["cell"], *([row["role"]] if many else [])
                self.trouble.setdefault(place, f"{row['status']}: {row['reason']}")
        for each in estimate(frame):
            family = each.measure, each.group, each.value
            self.spent[family] = self.spent.get(family, 0.0) + each.spent
            if each.role in roles:
                place = each.measure, each.group, each.cell, *([each.role] if many else [])
                self.values.setdefault(place, {})[each.value] = each


def _pair_up(gate: Mapping[str, float | None], ours: _Half, theirs: _Half) -> tuple[list[Verdict], list[_Pair]]:
    """What is settled already, since it is exact or not there on both sides; and the times, which are not."""
    settled, times = [], []
    for place in dict.fromkeys((*ours.values, *ours.trouble, *theirs.values, *theirs.trouble)):
        before, after = ours.values.get(place, {}), theirs.values.get(place, {})
        measure, group, cell = place[:3]
        names = [name for name in {**before, **after} if _gated(gate, {**before, **after}[name])]
        wrong = [f"{half.name}: {half.trouble[place]}" for half in (ours, theirs) if place in half.trouble]
        for name in names or ([""] if wrong else []):
            blank = Verdict("failed", measure, group, cell, name, reason="; ".join(wrong))
            if wrong:
                settled.append(blank)
            elif name not in after:
                settled.append(replace(blank, reason=f"{theirs.name} has no such measurement"))
            elif name not in before:
                settled.append(replace(blank, kind="new", reason=f"{ours.name} has no such measurement"))
            else:
                threshold = gate[_gate_name(after[name])]
                pair = _Pair(before[name], after[name], threshold, theirs.spent[measure, group, name])
                if after[name].unit == "s":
                    times.append(pair)
                else:
                    settled.append(_exact(pair))
    return settled, times


def _gate_name(each: Comparison) -> str:
    return f"{each.value}_ratio" if each.unit == "s" else each.value


def _gated(gate: Mapping[str, float | None], each: Comparison) -> bool:
    return _gate_name(each) in gate


def _exact(pair: _Pair) -> Verdict:
    """A count is what it is: any increase beyond the threshold is one."""
    before, after = pair.ours.absolute.point, pair.theirs.absolute.point
    grown, shrunk = after > before * (1 + pair.limit), before > after * (1 + pair.limit)
    ratio = after / before if before else None
    return replace(
        pair.verdict(),
        kind="regressed" if grown else "improved" if shrunk else "unchanged",
        change=Estimate(ratio, ratio, ratio, "exact") if ratio is not None else None,
    )


def _between(pair: _Pair) -> Shift | None:
    """The shift from one run to another; None from fewer than two repeats on either side."""
    ours, theirs = pair.ours.figures, pair.theirs.figures
    return two_sides(ours, theirs, pair.limit, pair.family) if min(len(ours), len(theirs)) > 1 else None


def _within(pair: _Pair) -> Shift | None:
    """The shift from A to B; None from fewer than two repeats."""
    return one_side(pair.theirs.figures, pair.limit, pair.family) if len(pair.theirs.figures) > 1 else None


@dataclass(frozen=True)
class _Doubt:
    """Why nothing can be told of a group's times."""

    reason: str
    control: Estimate | None = None
    repeats: int | None = None


def _judged(
    times: list[_Pair],
    shift_of: Callable[[_Pair], Shift | None],
    twins: list[_Pair],
    without: _Doubt | None,
    names: tuple[str, str],
) -> Iterator[Verdict]:
    """Verdicts on times, from the spread of all of them and of their controls together."""
    known = [(pair, shift) for pair in times if (shift := shift_of(pair))]
    controls = [(twin, shift) for twin in twins if (shift := shift_of(twin))]
    if known:
        variances, freedom = spread([shift for _, shift in (*known, *controls)])
        tested = zip(controls, variances[len(known) :], freedom[len(known) :], strict=True)
        passed = {twin.family: _control(twin, shift, variance, nu, names) for (twin, shift), variance, nu in tested}
        found = judge([shift for _, shift in known], variances[: len(known)], freedom[: len(known)])
        for (pair, _), judged in zip(known, found, strict=True):
            yield _told(pair, judged, passed.get(pair.family, without))
    for pair in times:
        if not shift_of(pair):
            yield replace(pair.verdict(), reason="an interval needs at least two repeats on each side")


def _told(pair: _Pair, judged: Judged, doubt: _Doubt | None) -> Verdict:
    change = Estimate(exp(judged.point), exp(judged.low), exp(judged.high), "moderated t over repeats")
    verdict = replace(pair.verdict(), kind=judged.kind, change=change, p=judged.p)
    repeats = judged.repeats
    if doubt is not None:
        verdict = replace(verdict, kind="inconclusive", reason=doubt.reason, control=doubt.control)
        repeats = doubt.repeats
    return replace(verdict, repeats=repeats, seconds=repeats * pair.spent if repeats else None)


def _control(twin: _Pair, shift: Shift, variance: float, freedom: float, names: tuple[str, str]) -> _Doubt | None:
    """What a twin that did not come out equal leaves in doubt."""
    for name, figures in zip(names, (twin.ours.figures, twin.theirs.figures), strict=True):
        side = replace(shift, point=float(np.mean(figures)), scale=1 / len(figures), sides=1)
        low, high = interval(side, variance, freedom)
        if not inside(low, high, side.limit):
            point = Estimate(exp(side.point), exp(low), exp(high), "moderated t over repeats")
            off = abs(side.point) >= side.limit
            needed = None if off else settling(side, sqrt(variance * side.scale), 1)
            return _Doubt(f"the A/A control of {name} did not pass", point, needed)
    return None


def _differences(base: Stored, new: Stored, accept: Collection[str]) -> str | None:
    """What makes the times of two runs incomparable, in words; None where nothing does."""
    ours, theirs = _facts(base), _facts(new)
    differing = [key for key in MUST_AGREE if key not in accept and (ours[key] != theirs[key] or len(ours[key]) > 1)]
    if not differing:
        return None
    told = [
        f"{key}: {' and '.join(sorted(ours[key]))} there, {' and '.join(sorted(theirs[key]))} here" for key in differing
    ]
    return f"{'; '.join(told)} (to compare them all the same: {' '.join(f'--accept {key}' for key in differing)})"


def _facts(run: Stored) -> dict[str, list[str]]:
    """What the environments were that a run's times come from."""
    timed = run.frame[(run.frame["unit"] == "s") & (run.frame["status"] == "ok")]
    found: dict[str, set[str]] = {key: set() for key in MUST_AGREE}
    for id_ in timed["environment"].unique():
        facts = run.environments.get(id_, {}).get("facts", {})
        device = facts.get("device")
        known = {
            "device": device,
            "cpu": facts.get("cpu") if device != "cuda" else "any",
            "gpu": facts.get("gpu") if device == "cuda" else "any",
            "threads": facts.get("threads"),
            "torch": facts.get("packages", {}).get("torch"),
        }
        for key, value in known.items():
            found[key].add(str(value))
    return {key: sorted(values) for key, values in found.items()}


def _sorted(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """The worst first, and among equals the largest change."""

    def rank(verdict: Verdict) -> tuple[int, float]:
        return ORDER.index(verdict.kind), -abs(log(verdict.change.point)) if verdict.change else -inf

    return sorted(verdicts, key=rank)
