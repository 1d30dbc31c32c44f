"""Sentences on times: what each module adds to latency, and the results of the A/A controls."""

from collections.abc import Callable, Iterator, Sequence
from math import expm1, log
from typing import Any

from bench.report.names import (
    CONDITIONS,
    condition_name,
    module_name,
    network_name,
    run_name,
    shared_conditions,
    variant_name,
)
from bench.report.numbers import change, enumerated, interval, percent
from bench.results.controls import Threshold, is_biased, is_compared_time, resolution, timed_group
from bench.results.estimates import Comparison, shown_ratio
from bench.results.statistics import Estimate
from bench.results.time_verdicts import TimeVerdict
from bench.results.values import value_spec

MOST_NAMED = 4
"""Maximum number of variants that a sentence names."""


def latency_sentences(comparisons: Sequence[Comparison], times: Sequence[TimeVerdict]) -> Iterator[str]:
    """One sentence for all variants of a group with the same verdict.

    Args:
        comparisons: the comparisons of one or several runs.
        times: the verdicts on their times.
    """
    several_runs = len({member.run for member in comparisons}) > 1
    baselines = {timed_group(member): member for member in comparisons if member.role == "baseline"}
    placements: dict[tuple[Any, ...], set[str | None]] = {}
    for member in comparisons:
        placements.setdefault((*timed_group(member), member.axes["attention"]), set()).add(member.axes["placement"])
    subjects: dict[tuple[Any, ...], list[tuple[str, TimeVerdict]]] = {}
    for time in times:
        variant, group = time.variant, timed_group(time.variant)
        baseline = baselines[group]
        several_placements = len(placements[(*group, variant.axes["attention"])]) > 1
        run = f", {run_name(variant.run)}" if several_runs else ""
        facts = f"{shared_conditions(variant, baseline)}{run}".removeprefix(", ")
        ending = f" ({facts})" if facts else ""
        key = group, time.verdict, time.cause, _baseline_name(baseline, variant), ending
        subjects.setdefault(key, []).append((_subject(variant, baseline, several_placements), time))
    for ((*_, value), _, _, reference, ending), members in subjects.items():
        yield f"{_statement(value_spec(value, 's').title, reference, members)}{ending}."


def control_sentences(comparisons: Sequence[Comparison], threshold: Threshold) -> Iterator[str]:
    """The result of each A/A control, and the resolution that follows from it.

    Args:
        comparisons: the comparisons of one or several runs.
        threshold: the threshold of a time's ratio, as a fraction.
    """
    several_runs = len({member.run for member in comparisons}) > 1
    for member in comparisons:
        if member.role == "control" and is_compared_time(member) and member.ratio is not None:
            run = f", {run_name(member.run)}" if several_runs else ""
            limit = resolution(member.ratio, threshold(member))
            result = "no resolution" if limit is None else f"resolution ±{100 * expm1(limit):.2g} %"
            bias = ", biased" if is_biased(member.ratio, threshold(member)) else ""
            yield (
                f"{network_name(member.axes['backbone'])} ({shared_conditions(member, member)}{run}): "
                f"{percent(member.ratio, 2)}, {result}{bias}."
            )


def _statement(value: str, baseline: str, members: Sequence[tuple[str, TimeVerdict]]) -> str:
    """The sentence on variants with the same verdict, without its conditions."""
    _, time = members[0]
    several, names = len(members) > 1, _names(members)
    beyond = f"±{time.resolution_percent:.2g} %"
    if time.verdict == "slower":
        amount = _amount(members, _increase)
        return f"{names} {'add' if several else 'adds'} {amount} to the {value} of {baseline}{_disagreement(time)}"
    if time.verdict == "faster":
        amount = _amount(members, _decrease)
        return (
            f"{names} {'reduce' if several else 'reduces'} the {value} of {baseline} by {amount}{_disagreement(time)}"
        )
    amount = _amount(members, _change)
    if time.verdict == "no difference":
        verdict = f"{'show' if several else 'shows'} no difference beyond {beyond}"
        return f"{names} {verdict} in {value} from {baseline}: {amount}"
    subject = f"The {value} of {names} relative to {baseline} ({amount})"
    if time.cause is None:
        return f"{subject} is inconclusive at {beyond}"
    return f"{subject} is inconclusive, because {_CAUSES[time.cause]}"


def _names(members: Sequence[tuple[str, TimeVerdict]]) -> str:
    """The names of a few variants, or the number of many."""
    if len(members) > MOST_NAMED:
        return f"{len(members)} variants"
    return enumerated([name for name, _ in members])


def _amount(members: Sequence[tuple[str, TimeVerdict]], text: Callable[[TimeVerdict], str]) -> str:
    """The change of one variant, or the smallest and the largest of several."""
    if len(members) == 1:
        return text(members[0][1])
    ordered = sorted(members, key=lambda member: abs(log(_shown_ratio(member[1]).point)))
    (least, first), (most, last) = ordered[0], ordered[-1]
    return f"between {text(first)} ({least}) and {text(last)} ({most})"


_CAUSES = {
    "no A/A control": "no A/A control with an interval was measured",
    "the machine was busy": "the machine was busy",
    "the machine is biased": "the machine is biased: the A/A control differs from its identical baseline",
    "too few processes": "there are too few processes for an interval",
    "processes disagree": "the processes disagree (brackets are their range)",
}


def _disagreement(time: TimeVerdict) -> str:
    return "; the processes disagree, and brackets are their range" if time.cause == "processes disagree" else ""


def _shown_ratio(time: TimeVerdict) -> Estimate:
    """The ratio with its confidence interval, or with the range over processes where these disagree."""
    ratio = shown_ratio(time.variant)
    assert ratio is not None
    return ratio


def _change(time: TimeVerdict) -> str:
    return percent(_shown_ratio(time))


def _increase(time: TimeVerdict) -> str:
    """The change of a slower variant without its sign: "6.1 % [5.4, 6.8]"."""
    return _change(time).removeprefix("+")


def _decrease(time: TimeVerdict) -> str:
    """The change of a faster variant as a positive number: "10.0 % [9.5, 10.5]"."""
    ratio = _shown_ratio(time)
    assert ratio.low is not None and ratio.high is not None
    return f"{-change(ratio.point):.1f} % {interval(-change(ratio.high), -change(ratio.low), 1)}"


def _subject(variant: Comparison, baseline: Comparison, several_placements: bool) -> str:
    """The variant's module, its placement if the group has several of that module, and the conditions compared."""
    name = variant_name(variant) if several_placements else module_name(variant.axes["attention"])
    if variant.axes["backbone"] != baseline.axes["backbone"]:
        name = f"{name} {network_name(variant.axes['backbone'])}"
    compared = _differing_conditions(variant, baseline)
    return f"{name} with {enumerated(compared)}" if compared else name


def _baseline_name(baseline: Comparison, variant: Comparison) -> str:
    """The baseline's module and network, and the conditions in which the variant differs."""
    name = f"{module_name(baseline.axes['attention'])} {network_name(baseline.axes['backbone'])}"
    return ", ".join([name, *_differing_conditions(baseline, variant)])


def _differing_conditions(one: Comparison, other: Comparison) -> list[str]:
    """The conditions of one that differ from those of the other: "compile"."""
    return [condition_name(axis, one.axes[axis]) for axis in CONDITIONS if one.axes[axis] != other.axes[axis]]
