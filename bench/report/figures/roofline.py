"""Roofline: the highest rate that the added work of a module can reach, and its bound.

Williams, Waterman, Patterson, *Roofline*, Communications of the ACM 52(4), 2009.
"""

from collections.abc import Iterator
from typing import Any

import altair as alt

from bench.report.blocks import Figure
from bench.report.data import ReportData
from bench.report.figures.theme import COLOURS, INK, WIDTH, FigureRows, figure, tooltips
from bench.report.names import variant_name
from bench.results.estimates import Comparison
from bench.results.roofline import MachineLimits, added_work


def roofline(data: ReportData) -> Iterator[Figure]:
    """A figure for each run with machine limits and counts; each network under its first conditions."""
    for number, (run, machine) in enumerate(data.machines.items(), start=1):
        first: dict[str, tuple[str, list[Comparison]]] = {}
        for comparison in data.costs:
            if comparison.run == run and comparison.measure == "complexity":
                group, members = first.setdefault(comparison.axes["backbone"], (comparison.group, []))
                if group == comparison.group:
                    members.append(comparison)
        rows = [row for _, members in first.values() for row in _rows(members, machine)]
        if rows:
            yield _draw(number, rows, machine)


def _rows(group: list[Comparison], machine: MachineLimits) -> Iterator[dict[str, Any]]:
    for added in added_work(group):
        if added.operations > 0 and added.bytes_moved > 0:
            intensity = added.operations / added.bytes_moved
            yield {
                "module": variant_name(added.variant),
                "cell": added.variant.cell,
                "intensity": intensity,
                "rate": min(machine.rate, machine.bandwidth * intensity),
            }


def _draw(number: int, rows: list[dict[str, Any]], machine: MachineLimits) -> Figure:
    least = min(0.5 * min(row["intensity"] for row in rows), 0.1 * machine.ridge)
    most = max(2 * max(row["intensity"] for row in rows), 10 * machine.ridge)
    corners = [least, machine.ridge, most]
    roof = [{"intensity": intensity, "rate": min(machine.rate, machine.bandwidth * intensity)} for intensity in corners]
    x = alt.X("intensity:Q", title="operations per byte moved").scale(type="log", domain=[least, most])
    y = alt.Y("rate:Q", title="attainable operations per second").scale(type="log").axis(format="~s")
    figure_rows = FigureRows()
    chart = alt.layer(
        alt.Chart(figure_rows.named(roof)).mark_line(color=INK).encode(x=x, y=y),
        alt.Chart(figure_rows.named(rows))
        .mark_point(filled=True, size=50, opacity=0.7)
        .encode(
            x=x,
            y=y,
            color=alt.Color("module:N", sort=None, title=None).scale(range=COLOURS),
            shape=alt.Shape("module:N", sort=None, title=None),
            tooltip=tooltips("module:N", "cell:N", "intensity:Q", "rate:Q"),
        ),
    ).properties(width=WIDTH, height=280)
    title = "Roofline of the added work of each module: memory-bound left of the ridge, compute-bound right of it"
    return figure(chart, figure_rows, f"roofline-{number}", title)
