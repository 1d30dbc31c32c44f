"""Accuracy gain against latency, with the Pareto front."""

from collections.abc import Iterator
from typing import Any

import altair as alt

from bench.report.blocks import Figure
from bench.report.data import ReportData
from bench.report.figures.theme import BLUE, COLOURS, INK, ORANGE, WIDTH, FigureRows, figure, tooltips
from bench.report.names import network_name, shared_conditions, variant_name
from bench.results.accuracy import AccuracyGain
from bench.results.estimates import Comparison
from bench.results.pareto import ParetoPoint, standings
from bench.results.statistics import Estimate

MOST_COLOURED = 7
"""Maximum number of points that have a colour and an entry in the legend each. If there are more, colours show the
standing, and only points on the Pareto front are labelled."""
HEIGHT = 320
"""Height of the figure in pixels."""
LETTER_WIDTH, LABEL_HEIGHT = 6.5, 14
"""Assumed width of a letter, and height of a label, in pixels."""
_NUMBERS = ("points", "points_low", "points_high", "cost", "cost_low", "cost_high")


def pareto(data: ReportData) -> Iterator[Figure]:
    """A figure for each network whose modules have both an accuracy gain and an inference latency.

    It uses the first group of accuracies and the first group of latencies of each network, which may come from two
    runs. Each value is relative to the baseline of its own group.
    """
    timed: dict[str, list[Comparison]] = {}
    for comparison in data.costs:
        if comparison.value == "latency" and comparison.axes["mode"] == "inference" and comparison.role != "control":
            _add_to_first_group(timed.setdefault(comparison.axes["backbone"], []), comparison)
    trained: dict[str, list[AccuracyGain]] = {}
    for gain in data.gains:
        members = trained.setdefault(gain.variant.axes["backbone"], [])
        if not members or _group(gain.variant) == _group(members[0].variant):
            members.append(gain)
    resolutions = {id(time.variant): time.margin for time in data.times}
    number = 0
    for backbone, members in trained.items():
        costs = {_module(comparison): comparison for comparison in timed.get(backbone, ())}
        places = [
            (variant_name(gain.variant), ParetoPoint(gain.points, cost.ratio, resolutions[id(cost)]))
            for gain in members
            if (cost := costs.get(_module(gain.variant))) is not None and cost.ratio is not None
        ]
        baseline = next((comparison for comparison in timed.get(backbone, ()) if comparison.role == "baseline"), None)
        if places and baseline is not None:
            number += 1
            about = f"{members[0].variant.details['dataset']}; {shared_conditions(baseline, baseline)}"
            yield _draw(number, f"{network_name(backbone)}, {about}", variant_name(baseline), places)


def _add_to_first_group(members: list[Comparison], comparison: Comparison) -> None:
    if not members or _group(comparison) == _group(members[0]):
        members.append(comparison)


def _group(comparison: Comparison) -> tuple[str, str]:
    return comparison.run, comparison.group


def _module(comparison: Comparison) -> tuple[Any, Any]:
    return comparison.axes["attention"], comparison.axes["placement"]


def _draw(number: int, network: str, baseline: str, members: list[tuple[str, ParetoPoint]]) -> Figure:
    origin = ParetoPoint(Estimate(0.0, 0.0, 0.0, "exact"), Estimate(1.0, 1.0, 1.0, "exact"), 0.0)
    named = [(baseline, origin), *members]
    stand = standings([place for _, place in named])
    coloured = len(named) <= MOST_COLOURED
    rows = [
        {
            "module": name,
            "standing": standing,
            **_bounds("points", place.gain, 0),
            **_bounds("cost", place.latency, 1),
        }
        for (name, place), standing in zip(named, stand, strict=True)
    ]
    domain = ["on the front", "possibly on the front", "dominated"]
    colour = (
        alt.Color("module:N", title=None).scale(domain=[name for name, _ in named], range=[INK, *COLOURS])
        if coloured
        else alt.Color("standing:N", title=None).scale(domain=domain, range=[BLUE, ORANGE, INK])
    )
    figure_rows = FigureRows()
    base = alt.Chart(figure_rows.named(rows)).encode(
        color=colour, tooltip=tooltips("module:N", "standing:N", *(f"{number}:Q" for number in _NUMBERS))
    )
    x = alt.X("cost:Q", title="inference latency Δ (%)").scale(zero=False)
    y = alt.Y("points:Q", title="accuracy gain (pp)").scale(zero=False)
    shape = alt.Shape("standing:N", title=None).scale(domain=domain)
    layers = [
        base.mark_rule().encode(x=alt.X("cost_low:Q"), x2=alt.X2("cost_high:Q"), y=y),
        base.mark_rule().encode(x=x, y=alt.Y("points_low:Q"), y2=alt.Y2("points_high:Q")),
        base.mark_point(filled=True, size=80, opacity=1).encode(x=x, y=y, shape=shape),
    ]
    if labels := [] if coloured else _labels_without_overlap(rows):
        text = alt.Chart(figure_rows.named(labels)).mark_text(align="left", dx=8, dy=-8, color=INK)
        layers.append(text.encode(x=x, y=y, text=alt.Text("module:N")))
    chart = alt.layer(*layers).properties(width=WIDTH, height=HEIGHT)
    title = f"{network}: accuracy gain against latency of each module, with 95 % confidence intervals"
    return figure(chart, figure_rows, f"pareto-{number}", title)


def _labels_without_overlap(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The points that are not dominated and whose labels do not cover an earlier label; tooltips name the others."""
    scales = []
    for field, pixels in (("cost", WIDTH), ("points", HEIGHT)):
        ends = [row[name] for row in rows for name in (field, f"{field}_low", f"{field}_high") if name in row]
        scales.append((min(ends), pixels / ((max(ends) - min(ends)) or 1.0)))
    (left, across), (bottom, up) = scales
    kept: list[tuple[float, float, float]] = []
    shown = []
    for row in (row for row in rows if row["standing"] != "dominated"):
        x, y, width = (row["cost"] - left) * across, (row["points"] - bottom) * up, LETTER_WIDTH * len(row["module"])
        if all(abs(y - other_y) > LABEL_HEIGHT or x > end or x + width < start for start, end, other_y in kept):
            kept.append((x, x + width, y))
            shown.append(row)
    return shown


def _bounds(name: str, estimate: Estimate, origin: int) -> dict[str, float]:
    """Point and bounds for the axes: percentage points unchanged, a ratio to the baseline as a change in percent."""
    scale = 100 if origin else 1
    bounds = {"": estimate.point, "_low": estimate.low, "_high": estimate.high}
    return {f"{name}{end}": round(scale * (bound - origin), 4) for end, bound in bounds.items() if bound is not None}
