"""What was found, in sentences."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal, TypeAlias

from bench.report.format import enumerated, percent
from bench.report.names import condition_name, module_name, network_name, placed_name
from bench.report.table import CONDITIONS
from bench.results.estimates import Comparison
from bench.results.statistics import Estimate

Threshold: TypeAlias = Callable[[Comparison], float]
_Finding: TypeAlias = Literal["costs", "saves", "took", "cannot be told"]


def sentences(comparisons: Sequence[Comparison], threshold: Threshold) -> Iterator[str]:
    """Of each group one sentence for all variants with a timed ratio of which the same is to be said.

    Args:
        comparisons: of one or several runs.
        threshold: what the A/A control of a time is held to, as a fraction.
    """
    several_runs = len({each.run for each in comparisons}) > 1
    twins = {_family(each): each.ratio for each in comparisons if each.role == "twin"}
    baselines = {_family(each): each for each in comparisons if each.role == "baseline"}
    places: dict[tuple[Any, ...], set[str | None]] = {}
    for each in comparisons:
        places.setdefault((*_family(each), each.axes["attention"]), set()).add(each.axes["placement"])
    said: dict[tuple[Any, ...], list[tuple[str, str]]] = {}
    for each in comparisons:
        if each.role != "variant" or not _is_time(each) or each.ratio is None:
            continue
        baseline = baselines[_family(each)]
        doubt = _doubt(twins.get(_family(each)), threshold(each))
        several = len(places[(*_family(each), each.axes["attention"])]) > 1
        where = f"({conditions(each, baseline)}{f', {each.run}' if several_runs else ''}).{doubt}"
        same = _family(each), _finding(each.ratio), _reference(baseline, each), where
        said.setdefault(same, []).append((_subject(each, baseline, several), percent(each.ratio)))
    for ((*_, value), finding, reference, where), members in said.items():
        yield f"{_told(finding, value, reference, members)} {where}"


def controls(comparisons: Iterable[Comparison], threshold: Threshold) -> Iterator[str]:
    """What a second, identical build of each baseline came out at; arguments as for :func:`sentences`."""
    seen = list(comparisons)
    several_runs = len({each.run for each in seen}) > 1
    for each in seen:
        if each.role == "twin" and _is_time(each) and each.ratio is not None:
            where = f", {each.run}" if several_runs else ""
            limit = threshold(each)
            verdict = "passes" if passes(each.ratio, limit) else "does not pass"
            yield (
                f"{network_name(each.axes['backbone'])} ({conditions(each, each)}{where}): {percent(each.ratio, 2)}, "
                f"{verdict} at ±{100 * limit:g} %."
            )


def doubtful(comparisons: Iterable[Comparison], threshold: Threshold) -> Iterator[Comparison]:
    """Timed variants whose A/A control does not pass, or is not there; arguments as for :func:`sentences`."""
    seen = list(comparisons)
    twins = {_family(each): each.ratio for each in seen if each.role == "twin"}
    for each in seen:
        if each.role == "variant" and _is_time(each) and not passes(twins.get(_family(each)), threshold(each)):
            yield each


def passes(twin: Estimate | None, threshold: float) -> bool:
    """Whether the control's whole interval lies inside ± the threshold, on the log scale."""
    if twin is None or twin.low is None or twin.high is None:
        return False
    return twin.low > 1 / (1 + threshold) and twin.high < 1 + threshold


def _doubt(twin: Estimate | None, threshold: float) -> str:
    if twin is None:
        return " Inconclusive: no A/A control was measured beside it."
    if twin.low is None:
        return " Inconclusive: the A/A control has too few repeats for an interval."
    if passes(twin, threshold):
        return ""
    return (
        f" Inconclusive at ±{100 * threshold:g} %: the A/A control reads {percent(twin, 2)}, so differences of about "
        "that size may be the machine's."
    )


def _is_time(each: Comparison) -> bool:
    """Times are what is compared with an interval; the host's wall time stands beside the device's in the table."""
    return each.unit == "s" and each.value != "wall"


def _family(each: Comparison) -> tuple[str, str, str, str]:
    """What a variant shares with its baseline and its twin."""
    return each.run, each.measure, each.group, each.value


def _finding(ratio: Estimate) -> _Finding:
    if ratio.low is None or ratio.high is None:
        return "took"
    return "costs" if ratio.low > 1 else "saves" if ratio.high < 1 else "cannot be told"


def _told(finding: _Finding, value: str, reference: str, members: Sequence[tuple[str, str]]) -> str:
    """What is to be said of some variants, which are given with their ratios."""
    bracketed = enumerated([f"{subject} ({ratio})" for subject, ratio in members])
    (first, ratio), *others = members
    listed = enumerated([f"{first} {finding} {ratio}", *(f"{subject} {ratio}" for subject, ratio in others)])
    if finding == "costs":
        return f"{listed} {value} over {reference}"
    if finding == "took":
        return f"{listed} {value} against {reference}, from too few repeats to tell"
    if finding == "saves":
        return f"{bracketed} {'save' if others else 'saves'} {value} against {reference}"
    return f"{bracketed} cannot be told from {reference} by {value}"


def panel_name(group: Sequence[Comparison], several_runs: bool) -> str:
    """What the members of a group share: the network, the conditions, and the run where there are several."""
    first = group[0]
    shared = [axis for axis in CONDITIONS if first.axes[axis] not in (None, "contiguous") and not _differs(axis, group)]
    told = ", ".join(condition_name(axis, first.axes[axis]) for axis in shared)
    return f"{network_name(first.axes['backbone'])}: {told}{f', {first.run}' if several_runs else ''}"


def member_name(each: Comparison, group: Sequence[Comparison]) -> str:
    """A member of a group by its module, its place, and the conditions that the group's members differ in."""
    differing = "".join(f", {condition_name(axis, each.axes[axis])}" for axis in CONDITIONS if _differs(axis, group))
    return "A/A control" if each.role == "twin" else f"{variant_name(each)}{differing}"


def _differs(axis: str, group: Sequence[Comparison]) -> bool:
    return any(each.axes[axis] != group[0].axes[axis] for each in group)


def variant_name(each: Comparison) -> str:
    """The module's name, and its place where it has one."""
    return placed_name(each.axes["attention"], each.axes["placement"])


def _subject(each: Comparison, baseline: Comparison, several: bool) -> str:
    """The module's name, with its place only where the group has the module in several, and what else is compared."""
    module = variant_name(each) if several else module_name(each.axes["attention"])
    compared = _compared(each, baseline)
    return f"{module} with {enumerated(compared)}" if compared else module


def _reference(baseline: Comparison, each: Comparison) -> str:
    network = network_name(baseline.axes["backbone"])
    return ", ".join([f"{module_name(baseline.axes['attention'])} {network}", *_compared(baseline, each)])


def _compared(one: Comparison, other: Comparison) -> list[str]:
    """The conditions of the one that are not the same for both, such as "compile"."""
    return [condition_name(axis, one.axes[axis]) for axis in CONDITIONS if one.axes[axis] != other.axes[axis]]


def conditions(each: Comparison, baseline: Comparison) -> str:
    """The conditions that both were measured under; the usual order in memory goes without saying."""
    shared = (axis for axis in CONDITIONS if each.axes[axis] == baseline.axes[axis] not in (None, "contiguous"))
    return ", ".join(condition_name(axis, each.axes[axis]) for axis in shared)
