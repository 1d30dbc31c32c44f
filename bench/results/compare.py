"""Two runs, or the two sides of a comparison of revisions → a verdict on each gated value, and the exit code."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import exp, inf, log, sqrt
from typing import Any, Protocol

import numpy as np
import pandas as pd

from bench.errors import InputError
from bench.results.accuracy_verdicts import points
from bench.results.gated import GatedPair, RunSide, exact, pair_up, unmatched
from bench.results.shifts import Judged, Shift, interval, judge, one_side, settling, spread, two_sides
from bench.results.statistics import Estimate
from bench.results.values import ACCURACIES, DEFAULT_GATE, UNPAIRED
from bench.results.verdicts import ORDER, Verdict
from simam.registry import did_you_mean

MUST_AGREE = ("device", "cpu", "gpu", "threads", "torch")
"""Of the environment, before times of two runs are compared; of CPU and GPU the one that was measured on."""

SETTINGS = ("l2", "tf32_matmul", "tf32_convolution", "cudnn_benchmark", "flush_denormal", "autocast_dtype")
"""Of a timing's details, which must be the same on both sides, too."""


class ComparableRun(Protocol):
    """What a comparison needs of a run; :class:`bench.store.stored_run.StoredRun` has it."""

    @property
    def name(self) -> str:
        """The name that messages use."""

    @property
    def frame(self) -> pd.DataFrame:
        """The records."""

    @property
    def environments(self) -> Mapping[str, "RecordedEnvironment"]:
        """Environment id → environment."""

    @property
    def gate(self) -> Mapping[str, float | None]:
        """Gated value → threshold as a fraction, None for an exact value."""

    @property
    def complete(self) -> bool:
        """Whether all measures of the suite were taken, so that every gated value must be present."""


class RecordedEnvironment(Protocol):
    """A machine with its software, see :class:`bench.store.environment.Environment`."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """What stays constant."""


def compare_runs(base: ComparableRun, new: ComparableRun, accept: Collection[str] = ()) -> list[Verdict]:
    """Compare a run with an earlier one. Returns a verdict for each gated value, the worst first.

    Times are compared by the ratio of their ratios to the baseline, on the same machine and torch; what is exact, as it
    is and wherever it was counted.

    Args:
        base: the earlier run.
        new: the later one; its thresholds hold where both suites gate a value.
        accept: keys of the environment that may differ.

    Raises:
        InputError: ``accept`` has a key that does not have to agree anyway.
    """
    for key in accept:
        if key not in MUST_AGREE:
            raise InputError(f"--accept {key}: no fact of that name has to agree; {did_you_mean(key, MUST_AGREE)}")
    asked = {**base.gate, **new.gate}
    halves = [RunSide(run.name, run.frame, ("baseline", "variant")) for run in (base, new)]
    settled, pairs = pair_up(asked or DEFAULT_GATE, *halves)
    broken, controls = pair_up(
        asked or DEFAULT_GATE, *(RunSide(run.name, run.frame, ("control",)) for run in (base, new))
    )
    settled += [replace(each, reason=f"the A/A control: {each.reason}") for each in broken if each.kind == "failed"]
    settled += _without_time(pairs)
    strange = _differences(base, new, accept)
    times = []
    for pair in pairs:
        if not pair.is_time or pair.ours.role != "variant":
            continue
        if reason := strange or _settings(pair):
            settled.append(replace(pair.verdict("incomparable"), reason=reason))
        elif pair.ours.per_process and pair.ours.per_process == pair.theirs.per_process:
            settled.append(replace(pair.verdict("unchanged"), change=_SAME, reason="the same records"))
        else:
            times.append(pair)
    families = {pair.family for pair in times}
    controls = [control for control in controls if control.family in families]
    without = _Doubt("no A/A control was measured beside it")
    verdicts = [*settled, *_judged(times, _between, controls, without, (base.name, new.name))]
    missing = unmatched(asked if base.complete and new.complete else (), [*verdicts, *map(_gated, pairs)])
    return _sorted([*verdicts, *missing])


class ComparedSides(ComparableRun, Protocol):
    """A run that compares two revisions."""

    @property
    def sides(self) -> Mapping[str, "ComparedSide"]:
        """Name → side, in the order A, B; empty for a run of one revision."""


class ComparedSide(Protocol):
    """One of two revisions."""

    @property
    def revision(self) -> str:
        """The name that the user gave."""


def compare_sides(run: ComparedSides) -> list[Verdict]:
    """Compare two revisions that were measured in pairs. Returns a verdict for each gated value, the worst first.

    Args:
        run: its records have A in the role of the baseline and B in that of the variant.

    Raises:
        InputError: the run does not compare two revisions.
    """
    if not run.sides:
        raise InputError(f"{run.name} holds a run, not a comparison of two revisions: it has no sides.json")
    names = [f"{name} ({side.revision})" for name, side in run.sides.items()]
    return compare_pairs(run, (names[0], names[1]))


def compare_pairs(run: ComparableRun, names: tuple[str, str]) -> list[Verdict]:
    """Compare the pairs of a run: A has the role of the baseline, B that of the variant.

    Args:
        run: the records of both.
        names: the names of A and B in messages.
    """
    halves = [RunSide(name, run.frame, (role,)) for name, role in zip(names, ("baseline", "variant"), strict=True)]
    settled, pairs = pair_up(run.gate or DEFAULT_GATE, *halves)
    times = [pair for pair in pairs if pair.is_time]
    settled += _without_time(pairs)
    verdicts = [*settled, *_judged(times, _within, [], None, names)]
    return _sorted([*verdicts, *unmatched(run.gate if run.complete else (), verdicts)])


def _without_time(pairs: Iterable[GatedPair]) -> Iterator[Verdict]:
    """Verdicts on what is counted, and on accuracies."""
    untimed = [pair for pair in pairs if not pair.is_time]
    yield from (exact(pair) for pair in untimed if pair.name not in ACCURACIES)
    yield from points(pair for pair in untimed if pair.name in ACCURACIES)


def _gated(pair: GatedPair) -> Verdict:
    return pair.verdict("inconclusive")


_SAME = Estimate(1.0, 1.0, 1.0, "same records")


def _between(pair: GatedPair) -> Shift | None:
    """The shift from one run to another; None from fewer than two repeats on either side."""
    ours, theirs = pair.ours.per_process, pair.theirs.per_process
    return two_sides(ours, theirs, pair.limit, pair.family) if min(len(ours), len(theirs)) > 1 else None


def _within(pair: GatedPair) -> Shift | None:
    """The shift from A to B; None from fewer than two repeats."""
    return one_side(pair.theirs.per_process, pair.limit, pair.family) if len(pair.theirs.per_process) > 1 else None


@dataclass(frozen=True)
class _Doubt:
    """Why nothing can be told of a group's times, and how many repeats would tell a bias of the machine from chance."""

    reason: str
    control: Estimate | None = None
    repeats: int | None = None


def _judged(
    times: list[GatedPair],
    shift_of: Callable[[GatedPair], Shift | None],
    controls: list[GatedPair],
    without: _Doubt | None,
    names: tuple[str, str],
) -> Iterator[Verdict]:
    """Verdicts on times, from the spread of all of them and of their controls together."""
    known = [(pair, shift) for pair in times if (shift := shift_of(pair))]
    controls = [(control, shift) for control in controls if (shift := shift_of(control))]
    if known:
        variances, freedom = spread([shift for _, shift in (*known, *controls)])
        tested = zip(controls, variances[len(known) :], freedom[len(known) :], strict=True)
        passed = {
            control.family: _control(control, shift, variance, nu, names) for (control, shift), variance, nu in tested
        }
        found = judge([shift for _, shift in known], variances[: len(known)], freedom[: len(known)])
        for (pair, _), judged in zip(known, found, strict=True):
            yield _told(pair, judged, passed.get(pair.family, without))
    for pair in times:
        if not shift_of(pair):
            yield replace(pair.verdict("inconclusive"), reason="an interval needs at least two repeats on each side")


def _told(pair: GatedPair, judged: Judged, doubt: _Doubt | None) -> Verdict:
    change = Estimate(exp(judged.point), exp(judged.low), exp(judged.high), "moderated t over repeats")
    verdict = replace(pair.verdict(judged.kind), change=change, p=judged.p)
    repeats = judged.repeats if doubt is None else doubt.repeats
    if doubt is not None:
        verdict = replace(verdict, kind="inconclusive", reason=doubt.reason, control=doubt.control)
    return replace(verdict, repeats=repeats, seconds=repeats * pair.spent if repeats else None)


def _control(
    control: GatedPair, shift: Shift, variance: float, freedom: float, names: tuple[str, str]
) -> _Doubt | None:
    """What a control that did not come out equal leaves in doubt: one whose estimate is beyond the threshold.

    How wide its interval is, is not held against it: the spread that makes it wide is in the intervals that are judged.
    """
    for name, figures in zip(names, (control.ours.per_process, control.theirs.per_process), strict=True):
        side = replace(shift, point=float(np.mean(figures)), scale=1 / len(figures), sides=1)
        if abs(side.point) >= side.limit:
            low, high = interval(side, variance, freedom)
            point = Estimate(exp(side.point), exp(low), exp(high), "moderated t over repeats")
            chance = low < side.limit and high > -side.limit
            needed = settling(side, sqrt(variance * side.scale), freedom, 1) if chance else None
            return _Doubt(f"the A/A control of {name} did not pass", point, needed)
    return None


def _settings(pair: GatedPair) -> str | None:
    """What the two were timed under, where it is not the same, in words."""
    ours, theirs = pair.ours.details, pair.theirs.details
    differing = [key for key in SETTINGS if ours.get(key) != theirs.get(key)]
    return "; ".join(f"{key}: {ours.get(key)} before, {theirs.get(key)} now" for key in differing) or None


def _differences(base: ComparableRun, new: ComparableRun, accept: Collection[str]) -> str | None:
    """What makes the times of two runs incomparable, in words; None where nothing does."""
    ours, theirs = facts_of(base), facts_of(new)
    differing = [key for key in MUST_AGREE if key not in accept and not _agree(ours[key], theirs[key])]
    if not differing:
        return None
    told = (
        f"{key}: {' and '.join(ours[key])} in {base.name}, {' and '.join(theirs[key])} in {new.name}"
        for key in differing
    )
    return f"{'; '.join(told)} (to compare them all the same: {' '.join(f'--accept {key}' for key in differing)})"


UNKNOWN = "not known"


def _agree(ours: list[str], theirs: list[str]) -> bool:
    """Whether all environments of both runs had the same. What is not known is not the same as anything."""
    return ours == theirs and len(ours) == 1 and UNKNOWN not in ours


def facts_of(run: ComparableRun) -> dict[str, list[str]]:
    """What must agree → what it was, in every environment that a run's times come from."""
    paired = (run.frame["unit"] == "s") & ~run.frame["value"].isin(UNPAIRED)
    timed = run.frame[paired & (run.frame["status"] == "ok")]
    found: dict[str, set[str]] = {key: set() for key in MUST_AGREE}
    for id_ in timed["environment"].unique():
        facts = run.environments[id_].facts if id_ in run.environments else {}
        on_gpu = facts.get("device") == "cuda"
        known = {**facts, "torch": facts.get("packages", {}).get("torch")}
        # Of CPU and GPU the one that was measured on counts.
        known["cpu" if on_gpu else "gpu"] = "not measured on"
        for key, values in found.items():
            values.add(UNKNOWN if known.get(key) is None else str(known[key]))
    return {key: sorted(values) for key, values in found.items()}


def _sorted(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """The worst first, and among equals the largest change."""

    def rank(verdict: Verdict) -> tuple[int, float]:
        if verdict.value in ACCURACIES:
            return ORDER.index(verdict.kind), -abs(verdict.change.point) if verdict.change else 0.0
        ratio = verdict.change.point if verdict.change else 1.0
        return ORDER.index(verdict.kind), -abs(log(ratio)) if ratio > 0 else -inf

    return sorted(verdicts, key=rank)
