"""Sentences on times: what each module adds to latency, and the results of the A/A controls."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypeAlias

from bench.report.names import (
    CONDITIONS,
    condition_name,
    module_name,
    network_name,
    shared_conditions,
    variant_name,
)
from bench.report.numbers import change, enumerated, interval, percent
from bench.results.controls import Threshold, control_ratios, is_compared_time, passes, timed_group
from bench.results.estimates import Comparison
from bench.results.statistics import Estimate
from bench.results.values import value_spec

_Direction: TypeAlias = Literal["slower", "faster", "no difference", "no interval"]


def latency_sentences(comparisons: Sequence[Comparison], threshold: Threshold) -> Iterator[str]:
    """One sentence for all variants of a group with the same direction of change.

    Args:
        comparisons: the comparisons of one or several runs.
        threshold: the threshold of a time's ratio, as a fraction.
    """
    several_runs = len({member.run for member in comparisons}) > 1
    controls = control_ratios(comparisons)
    baselines = {timed_group(member): member for member in comparisons if member.role == "baseline"}
    placements: dict[tuple[Any, ...], set[str | None]] = {}
    for member in comparisons:
        placements.setdefault((*timed_group(member), member.axes["attention"]), set()).add(member.axes["placement"])
    subjects: dict[tuple[Any, ...], list[tuple[str, Estimate]]] = {}
    for member in comparisons:
        if member.role != "variant" or not is_compared_time(member) or member.ratio is None:
            continue
        group = timed_group(member)
        baseline = baselines[group]
        several_placements = len(placements[(*group, member.axes["attention"])]) > 1
        run = f", {member.run}" if several_runs else ""
        remark = _control_remark(controls.get(group), threshold(member))
        ending = f"({shared_conditions(member, baseline)}{run}).{remark}"
        key = group, _direction(member.ratio), _baseline_name(baseline, member), ending
        subjects.setdefault(key, []).append((_subject(member, baseline, several_placements), member.ratio))
    for ((*_, value), direction, reference, ending), members in subjects.items():
        yield f"{_statement(direction, value_spec(value, 's').title, reference, members)} {ending}"


def control_sentences(comparisons: Sequence[Comparison], threshold: Threshold) -> Iterator[str]:
    """The result of each A/A control; arguments as for :func:`latency_sentences`."""
    several_runs = len({member.run for member in comparisons}) > 1
    for member in comparisons:
        if member.role == "control" and is_compared_time(member) and member.ratio is not None:
            run = f", {member.run}" if several_runs else ""
            limit = threshold(member)
            result = "passes" if passes(member.ratio, limit) else "does not pass"
            yield (
                f"{network_name(member.axes['backbone'])} ({shared_conditions(member, member)}{run}): "
                f"{percent(member.ratio, 2)}, {result} at ±{100 * limit:g} %."
            )


def _control_remark(control: Estimate | None, threshold: float) -> str:
    """Why the times of a group are inconclusive; empty if they are not."""
    if control is None:
        return " Inconclusive: no A/A control was measured."
    if control.low is None:
        return " Inconclusive: the A/A control has too few processes for an interval."
    if passes(control, threshold):
        return ""
    return (
        f" Inconclusive at ±{100 * threshold:g} %: the A/A control is at {percent(control, 2)}, so differences of that "
        "size may be noise of the machine."
    )


def _direction(ratio: Estimate) -> _Direction:
    if ratio.low is None or ratio.high is None:
        return "no interval"
    return "slower" if ratio.low > 1 else "faster" if ratio.high < 1 else "no difference"


def _statement(direction: _Direction, value: str, baseline: str, members: Sequence[tuple[str, Estimate]]) -> str:
    """The sentence on variants with the same direction, without its conditions."""
    (first, ratio), *others = members
    if direction == "slower":
        changes = [f"{first} adds {_increase(ratio)}", *(f"{name} {_increase(other)}" for name, other in others)]
        return f"{enumerated(changes)} to the {value} of {baseline}"
    if direction == "faster":
        reduced = f"{first} reduces {value} by {_decrease(ratio)}"
        changes = [reduced, *(f"{name} by {_decrease(other)}" for name, other in others)]
        return f"{enumerated(changes)} relative to {baseline}"
    listed = enumerated([f"{name} ({percent(other)})" for name, other in members])
    if direction == "no difference":
        return f"{listed} {'show' if others else 'shows'} no significant difference in {value} from {baseline}"
    return f"{listed} {'have' if others else 'has'} too few processes for an interval on {value} relative to {baseline}"


def _increase(ratio: Estimate) -> str:
    """The change of a slower variant without its sign: "6.1 % [5.4, 6.8]"."""
    return percent(ratio).removeprefix("+")


def _decrease(ratio: Estimate) -> str:
    """The change of a faster variant as a positive number: "10.0 % [9.5, 10.5]"."""
    assert ratio.low is not None and ratio.high is not None
    return f"{-change(ratio.point):.1f} % {interval(-change(ratio.high), -change(ratio.low), 1)}"


def _subject(variant: Comparison, baseline: Comparison, several_placements: bool) -> str:
    """The variant's module, its placement if the group has several of that module, and the conditions compared."""
    name = variant_name(variant) if several_placements else module_name(variant.axes["attention"])
    compared = _differing_conditions(variant, baseline)
    return f"{name} with {enumerated(compared)}" if compared else name


def _baseline_name(baseline: Comparison, variant: Comparison) -> str:
    """The baseline's module and network, and the conditions in which the variant differs."""
    name = f"{module_name(baseline.axes['attention'])} {network_name(baseline.axes['backbone'])}"
    return ", ".join([name, *_differing_conditions(baseline, variant)])


def _differing_conditions(one: Comparison, other: Comparison) -> list[str]:
    """The conditions of one that differ from those of the other: "compile"."""
    return [condition_name(axis, one.axes[axis]) for axis in CONDITIONS if one.axes[axis] != other.axes[axis]]
