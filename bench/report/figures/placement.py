"""Placement × module: the accuracy gain, or the latency, of each module in each placement."""

from collections.abc import Iterator
from typing import Any

import altair as alt

from bench.report.blocks import Figure
from bench.report.data import ReportData
from bench.report.figures.theme import BETTER, NEUTRAL, WORSE, FigureRows, figure, tooltips
from bench.report.names import module_name, network_name
from bench.results.estimates import Comparison

SIDE = 90
"""Side of a cell in pixels."""


def placement(data: ReportData) -> Iterator[Figure]:
    """Up to two figures, for accuracy and for inference latency, if a module was measured in two placements."""
    gains = [(gain.variant, gain.points.point) for gain in data.gains]
    yield from _draw(gains, "placement-accuracy", "accuracy gain (pp)", better=1)
    cost = [
        (comparison, 100 * (comparison.ratio.point - 1))
        for comparison in data.costs
        if comparison.value == "latency"
        and comparison.role == "variant"
        and comparison.axes["mode"] == "inference"
        and comparison.ratio
    ]
    yield from _draw(cost, "placement-latency", "inference latency Δ (%)", better=-1)


def _draw(values: list[tuple[Comparison, float]], name: str, heading: str, better: int) -> Iterator[Figure]:
    tiles_by_place: dict[tuple[str, str, str], float] = {}
    first: dict[str, tuple[str, str]] = {}  # only the first group of each network: other groups have other conditions
    for comparison, number in values:
        axes, group = comparison.axes, (comparison.run, comparison.group)
        if first.setdefault(axes["backbone"], group) == group:
            tile = network_name(axes["backbone"]), module_name(axes["attention"]), str(axes["placement"])
            tiles_by_place.setdefault(tile, number)
    places: dict[str, set[str]] = {}
    for _, module, place in tiles_by_place:
        places.setdefault(module, set()).add(place)
    if all(len(members) < 2 for members in places.values()):
        return
    rows: list[dict[str, Any]] = [
        {"network": network, "module": module, "placement": place, "number": round(number, 3), "text": f"{number:+.2f}"}
        for (network, module, place), number in tiles_by_place.items()
    ]
    most = max(abs(row["number"]) for row in rows) or 1.0
    worse_to_better = [WORSE, NEUTRAL, BETTER][::better]
    colour = alt.Color("number:Q", title=heading).scale(domain=[-most, 0, most], range=worse_to_better)
    figure_rows = FigureRows()
    base = alt.Chart(figure_rows.named(rows)).encode(
        x=alt.X("placement:N", sort=None, title="placement"), y=alt.Y("module:N", sort=None, title=None)
    )
    tiles = base.mark_rect().encode(color=colour, tooltip=tooltips("network:N", "module:N", "placement:N", "number:Q"))
    chart = (
        alt.layer(tiles, base.mark_text(color="black").encode(text=alt.Text("text:N")))
        .properties(width=alt.Step(SIDE), height=alt.Step(SIDE / 3))
        .facet(column=alt.Column("network:N", sort=None, title=None))
    )
    yield figure(chart, figure_rows, name, f"Each module in each placement: {heading}")
