"""Two runs, or two revisions measured in pairs → a verdict on each gated value."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import exp, expm1, inf, log
from typing import Any, Protocol

import pandas as pd

from bench.errors import InputError
from bench.results.accuracy_verdicts import accuracy_verdicts
from bench.results.controls import is_biased
from bench.results.estimates import Comparison, process_range
from bench.results.gated import GatedPair, RunSide, exact_verdict, pair_up, unmatched
from bench.results.shifts import Decision, Shift, Side, decide
from bench.results.statistics import Estimate, ProcessEstimate, processes_disagree
from bench.results.values import ACCURACIES, DEFAULT_GATE, UNPAIRED
from bench.results.verdicts import ORDER, Verdict
from simam.registry import did_you_mean

MUST_AGREE = ("device", "cpu", "gpu", "threads", "torch")
"""Facts that must agree before times of two runs are compared; of CPU and GPU only the measured one counts."""

SETTINGS = ("l2", "tf32_matmul", "tf32_convolution", "cudnn_benchmark", "flush_denormal", "autocast_dtype")
"""Details of a timing that must agree, too."""


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

    Times are compared by the ratio of their ratios to the baseline, and only on the same machine with the same torch.
    Exact values are compared directly, wherever they were counted.

    Args:
        base: the earlier run.
        new: the later run; its threshold counts where both suites gate a value.
        accept: keys of the environment that may differ.

    Raises:
        InputError: ``accept`` has a key that does not have to agree anyway.
    """
    for key in accept:
        if key not in MUST_AGREE:
            raise InputError(f"--accept {key}: no fact of that name has to agree; {did_you_mean(key, MUST_AGREE)}")
    gate = {**base.gate, **new.gate}
    sides = [RunSide(run.name, run.frame, ("baseline", "variant")) for run in (base, new)]
    settled, pairs = pair_up(gate or DEFAULT_GATE, *sides)
    control_sides = [RunSide(run.name, run.frame, ("control",)) for run in (base, new)]
    control_failures, control_pairs = pair_up(gate or DEFAULT_GATE, *control_sides)
    settled += [
        replace(verdict, reason=f"the A/A control: {verdict.reason}")
        for verdict in control_failures
        if verdict.kind == "failed"
    ]
    settled += _untimed_verdicts(pairs)
    difference = _different_facts(base, new, accept)
    times = []
    for pair in pairs:
        if not pair.is_time or pair.ours.role != "variant":
            continue
        if reason := difference or _different_settings(pair):
            settled.append(replace(pair.verdict("incomparable"), reason=reason))
        elif pair.ours.per_process and pair.ours.per_process == pair.theirs.per_process:
            settled.append(replace(pair.verdict("unchanged"), change=_NO_CHANGE, reason="the same records"))
        else:
            times.append(pair)
    families = {pair.family for pair in times}
    doubts: dict[str, _Doubt | None] = {family: _Doubt("no A/A control was measured") for family in families}
    names = base.name, new.name
    doubts |= {control.family: _bias(control, names) for control in control_pairs if control.family in families}
    verdicts = [*settled, *_time_verdicts(times, _between_runs, doubts, names)]
    missing = unmatched(gate if base.complete and new.complete else (), [*verdicts, *map(_gated, pairs)])
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
    sides = [RunSide(name, run.frame, (role,)) for name, role in zip(names, ("baseline", "variant"), strict=True)]
    settled, pairs = pair_up(run.gate or DEFAULT_GATE, *sides)
    times = [pair for pair in pairs if pair.is_time]
    settled += _untimed_verdicts(pairs)
    verdicts = [*settled, *_time_verdicts(times, _within_pairs, {}, names)]
    return _sorted([*verdicts, *unmatched(run.gate if run.complete else (), verdicts)])


def _untimed_verdicts(pairs: Iterable[GatedPair]) -> Iterator[Verdict]:
    """Verdicts on exact values and on accuracies."""
    untimed = [pair for pair in pairs if not pair.is_time]
    yield from (exact_verdict(pair) for pair in untimed if pair.name not in ACCURACIES)
    yield from accuracy_verdicts(pair for pair in untimed if pair.name in ACCURACIES)


def _gated(pair: GatedPair) -> Verdict:
    return pair.verdict("inconclusive")


_NO_CHANGE = Estimate(1.0, 1.0, 1.0, "same records")
TOO_FEW_PROCESSES = "an interval needs at least two processes on each side"


@dataclass(frozen=True)
class _Doubt:
    """Why the tests on times do not count.

    Args:
        reason: the reason, as text.
        evidence: the ratio that shows it; None where there is none.
    """

    reason: str
    evidence: Estimate | None = None


def _bias(control: GatedPair, names: tuple[str, str]) -> _Doubt | None:
    """The first side whose A/A control shows that its machine is biased."""
    for name, member in zip(names, (control.ours, control.theirs), strict=True):
        if member.ratio is None or member.ratio.low is None:
            return _Doubt(f"the A/A control of {name} has no interval")
        if is_biased(member.ratio, control.limit):
            return _Doubt(f"the machine of {name} is biased according to its A/A control", member.ratio)
    return None


def _side(member: Comparison) -> Side | None:
    """The per-process log ratios of a member; None from fewer than two processes."""
    processes = list(map(ProcessEstimate, member.per_process, member.process_errors))
    return Side(processes) if len(processes) > 1 else None


def _between_runs(pair: GatedPair) -> Shift | None:
    """The shift from one run to another; None from fewer than two processes on either side."""
    base, new = _side(pair.ours), _side(pair.theirs)
    return Shift((base, new), pair.limit, pair.family) if base and new else None


def _within_pairs(pair: GatedPair) -> Shift | None:
    """The shift from A to B; None from fewer than two pairs of processes."""
    direct = _side(pair.theirs)
    return Shift((direct,), pair.limit, pair.family) if direct else None


def _time_verdicts(
    times: list[GatedPair],
    shift_of: Callable[[GatedPair], Shift | None],
    doubts: Mapping[str, _Doubt | None],
    names: tuple[str, str],
) -> Iterator[Verdict]:
    """Verdicts on times, with variances moderated over all of them.

    Args:
        times: the gated times.
        shift_of: the change of a pair.
        doubts: family → why its times are inconclusive, None if they are not.
        names: the names of both sides in messages.
    """
    shifts = [(pair, shift) for pair in times if (shift := shift_of(pair))]
    decisions = decide([shift for _, shift in shifts])
    for (pair, _), decision in zip(shifts, decisions, strict=True):
        doubt = doubts.get(pair.family) or _busy(pair, names)
        yield _tested_time_verdict(pair, decision, doubt or _disagreement(pair, decision, names))
    for pair in times:
        if not shift_of(pair):
            sides = zip(names, (pair.ours, pair.theirs), strict=True)
            alone = [name for name, side in sides if side.role != "baseline" and not side.per_process]
            reason = f"{alone[0]} has no baseline to compare with" if alone else TOO_FEW_PROCESSES
            yield replace(pair.verdict("inconclusive"), reason=reason)


def _busy(pair: GatedPair, names: tuple[str, str]) -> _Doubt | None:
    """The first side whose machine was busy."""
    for name, member in zip(names, (pair.ours, pair.theirs), strict=True):
        if member.disturbance is not None and member.disturbance.busy:
            return _Doubt(f"the machine of {name} was busy")
    return None


def _disagreement(pair: GatedPair, decision: Decision, names: tuple[str, str]) -> _Doubt | None:
    """The first side whose processes disagree so much that nothing counts as unchanged."""
    if decision.kind != "unchanged":
        return None
    for name, member in zip(names, (pair.ours, pair.theirs), strict=True):
        if processes_disagree(member.per_process, member.process_errors):
            return _Doubt(f"the processes of {name} disagree; brackets are their range", process_range(member))
    return None


def _tested_time_verdict(pair: GatedPair, decision: Decision, doubt: _Doubt | None) -> Verdict:
    change = Estimate(exp(decision.point), exp(decision.low), exp(decision.high), "moderated t over processes")
    verdict = replace(pair.verdict(decision.kind), change=change, p=decision.p)
    if doubt is not None:
        return replace(verdict, kind="inconclusive", reason=doubt.reason, evidence=doubt.evidence)
    repeats, detectable = decision.processes, expm1(decision.detectable)
    seconds = repeats * pair.measured_seconds if repeats else None
    return replace(verdict, repeats=repeats, seconds=seconds, detectable=detectable)


def _different_settings(pair: GatedPair) -> str | None:
    """The settings in which the two timings differ, in words; None where they agree."""
    ours, theirs = pair.ours.details, pair.theirs.details
    differing = [key for key in SETTINGS if ours.get(key) != theirs.get(key)]
    return "; ".join(f"{key}: {ours.get(key)} before, {theirs.get(key)} now" for key in differing) or None


def _different_facts(base: ComparableRun, new: ComparableRun, accept: Collection[str]) -> str | None:
    """The facts that make the times of two runs incomparable, in words; None where nothing does."""
    ours, theirs = facts_of(base), facts_of(new)
    differing = [key for key in MUST_AGREE if key not in accept and not _agree(ours[key], theirs[key])]
    if not differing:
        return None
    parts = (
        f"{key}: {' and '.join(ours[key])} in {base.name}, {' and '.join(theirs[key])} in {new.name}"
        for key in differing
    )
    return f"{'; '.join(parts)} (to compare them anyway: {' '.join(f'--accept {key}' for key in differing)})"


UNKNOWN = "unknown"


def _agree(ours: list[str], theirs: list[str]) -> bool:
    """Whether all environments of both runs share one known value."""
    return ours == theirs and len(ours) == 1 and UNKNOWN not in ours


def facts_of(run: ComparableRun) -> dict[str, list[str]]:
    """Fact that must agree → its values in all environments that a run's times come from."""
    paired = (run.frame["unit"] == "s") & ~run.frame["value"].isin(UNPAIRED)
    timed = run.frame[paired & (run.frame["status"] == "ok")]
    values_of: dict[str, set[str]] = {key: set() for key in MUST_AGREE}
    for id_ in timed["environment"].unique():
        facts = run.environments[id_].facts if id_ in run.environments else {}
        on_gpu = facts.get("device") == "cuda"
        known = {**facts, "torch": facts.get("packages", {}).get("torch")}
        # Only the measured one of CPU and GPU counts.
        known["cpu" if on_gpu else "gpu"] = "not measured on"
        for key, values in values_of.items():
            values.add(UNKNOWN if known.get(key) is None else str(known[key]))
    return {key: sorted(values) for key, values in values_of.items()}


def _sorted(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """The worst first, and among equals the largest change first."""

    def rank(verdict: Verdict) -> tuple[int, float]:
        if verdict.value in ACCURACIES:
            return ORDER.index(verdict.kind), -abs(verdict.change.point) if verdict.change else 0.0
        ratio = verdict.change.point if verdict.change else 1.0
        return ORDER.index(verdict.kind), -abs(log(ratio)) if ratio > 0 else -inf

    return sorted(verdicts, key=rank)
