"""Accuracy against latency: which modules another one beats in both, and which only seem to be beaten."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import altair as alt

from bench.report.blocks import Figure
from bench.report.data import ReportData
from bench.report.figures.theme import BLUE, INK, ORANGE, WIDTH, Data, figure, told
from bench.report.names import network_name, shared_conditions, variant_name
from bench.results.accuracy import AccuracyGain
from bench.results.estimates import Comparison
from bench.results.statistics import Estimate

Standing: TypeAlias = Literal["on the front", "not resolved", "dominated"]
MOST_NAMED = 6
"""Places; of more, names stand at the front alone, where they do not lie on one another so often."""
UNNAMED = {"above": "", "below": ""}
_NUMBERS = ("points", "points_low", "points_high", "cost", "cost_low", "cost_high")


@dataclass(frozen=True)
class Place:
    """A network with a module: what it brings and what it costs, both against the same baseline.

    Args:
        points: of accuracy.
        latency: ratio.
    """

    points: Estimate
    latency: Estimate


def standings(places: Sequence[Place]) -> list[Standing]:
    """Of each place, whether another has at least its accuracy in at most its time, and whether the intervals say so.

    "Dominated" is what one other beats with intervals that do not overlap, in accuracy and in time; "not resolved" what
    others beat by their estimates alone.
    """
    return [_standing(own, [each for each in places if each is not own]) for own in places]


def _standing(own: Place, others: Sequence[Place]) -> Standing:
    better = [each for each in others if _ahead(each, own)]
    if not better:
        return "on the front"
    surely = (_below(own.points, each.points) and _below(each.latency, own.latency) for each in better)
    return "dominated" if any(surely) else "not resolved"


def _ahead(one: Place, other: Place) -> bool:
    at_least = one.points.point >= other.points.point and one.latency.point <= other.latency.point
    return at_least and (one.points.point, one.latency.point) != (other.points.point, other.latency.point)


def _below(one: Estimate, other: Estimate) -> bool:
    """Whether all of one interval lies below the other; an estimate without one is below nothing."""
    return one.high is not None and other.low is not None and one.high < other.low


def pareto(seen: ReportData) -> Iterator[Figure]:
    """A figure for each network whose modules have both an accuracy and an inference latency.

    Of each network the first group of accuracies and the first of latencies, of one run or of two; each is against the
    baseline of its own group.
    """
    timed: dict[str, list[Comparison]] = {}
    for each in seen.costs:
        if each.value == "latency" and each.axes["mode"] == "inference" and each.role != "control":
            _add_alike(timed.setdefault(each.axes["backbone"], []), each)
    trained: dict[str, list[AccuracyGain]] = {}
    for gain in seen.gains:
        members = trained.setdefault(gain.variant.axes["backbone"], [])
        if not members or _group(gain.variant) == _group(members[0].variant):
            members.append(gain)
    number = 0
    for backbone, members in trained.items():
        costs = {_module(each): each for each in timed.get(backbone, ())}
        places = [
            (variant_name(gain.variant), Place(gain.points, cost.ratio))
            for gain in members
            if (cost := costs.get(_module(gain.variant))) is not None and cost.ratio is not None
        ]
        baseline = next((each for each in timed.get(backbone, ()) if each.role == "baseline"), None)
        if places and baseline is not None:
            number += 1
            about = f"{members[0].variant.details['dataset']}; {shared_conditions(baseline, baseline)}"
            yield _drawn(number, f"{network_name(backbone)}, {about}", variant_name(baseline), places)


def _add_alike(members: list[Comparison], each: Comparison) -> None:
    if not members or _group(each) == _group(members[0]):
        members.append(each)


def _group(each: Comparison) -> tuple[str, str]:
    return each.run, each.group


def _module(each: Comparison) -> tuple[Any, Any]:
    return each.axes["attention"], each.axes["placement"]


def _drawn(number: int, network: str, baseline: str, members: list[tuple[str, Place]]) -> Figure:
    origin = Place(Estimate(0.0, 0.0, 0.0, "exact"), Estimate(1.0, 1.0, 1.0, "exact"))
    named = [(baseline, origin), *members]
    stand = standings([place for _, place in named])
    rows = [
        {
            "module": name,
            "standing": standing,
            **label,
            **_bounds("points", place.points, 0),
            **_bounds("cost", place.latency, 1),
        }
        for (name, place), standing, label in zip(named, stand, _labels(named, stand), strict=True)
    ]
    domain = ["on the front", "not resolved", "dominated"]
    data = Data()
    base = alt.Chart(data.named(rows)).encode(
        color=alt.Color("standing:N", title=None).scale(domain=domain, range=[BLUE, ORANGE, INK]),
        tooltip=told("module:N", "standing:N", *(f"{number}:Q" for number in _NUMBERS)),
    )
    x = alt.X("cost:Q", title="inference latency, % over the baseline").scale(zero=False)
    y = alt.Y("points:Q", title="top-1, points over the baseline").scale(zero=False)
    shape = alt.Shape("standing:N", title=None).scale(domain=domain)
    chart = alt.layer(
        base.mark_rule().encode(x=alt.X("cost_low:Q"), x2=alt.X2("cost_high:Q"), y=y),
        base.mark_rule().encode(x=x, y=alt.Y("points_low:Q"), y2=alt.Y2("points_high:Q")),
        base.mark_point(filled=True, size=80, opacity=1).encode(x=x, y=y, shape=shape),
        base.mark_text(align="left", dx=8, dy=-8).encode(x=x, y=y, text=alt.Text("above:N")),
        base.mark_text(align="left", dx=8, dy=14).encode(x=x, y=y, text=alt.Text("below:N")),
    ).properties(width=WIDTH, height=320)
    title = f"{network}: what each module brings against what it costs, with 95 % intervals"
    return figure(chart, data, f"pareto-{number}", title)


def _labels(named: Sequence[tuple[str, Place]], stand: Sequence[Standing]) -> list[dict[str, str]]:
    """What stands above or below each place, in turn from left to right; nothing for those that get no name."""
    labels = [UNNAMED] * len(named)
    shown = [at for at, each in enumerate(stand) if len(named) <= MOST_NAMED or each == "on the front"]
    for number, at in enumerate(sorted(shown, key=lambda at: named[at][1].latency.point)):
        labels[at] = {**UNNAMED, ("above", "below")[number % 2]: named[at][0]}
    return labels


def _bounds(name: str, estimate: Estimate, origin: int) -> dict[str, float]:
    """Points as they are; of a ratio, which is 1 at the baseline, the percent above it."""
    scale = 100 if origin else 1
    bounds = {"": estimate.point, "_low": estimate.low, "_high": estimate.high}
    return {f"{name}{end}": round(scale * (each - origin), 4) for end, each in bounds.items() if each is not None}
