"""Roofline: the measured rate of each network and module under the limits of the machine.

Williams, Waterman, Patterson, *Roofline*, Communications of the ACM 52(4), 2009.
"""

from collections.abc import Iterator
from typing import Any

import altair as alt

from bench.report.blocks import Figure
from bench.report.data import ReportData
from bench.report.figures.theme import COLOURS, INK, WIDTH, FigureRows, figure, tooltips
from bench.report.names import network_name, variant_name
from bench.report.rows import ValueRow, join_values
from bench.results.roofline import MachineLimits

NEEDED = frozenset({"macs", "elementwise_ops", "bytes_moved", "latency"})
"""The values that a point is made from."""


def roofline(data: ReportData) -> Iterator[Figure]:
    """A figure for each run with machine limits, counts and latencies of the same cells."""
    rows = [row for row in join_values(data.costs) if row.values.keys() >= NEEDED]
    for number, (run, machine) in enumerate(data.machines.items(), start=1):
        points = [_point(row) for row in rows if row.run == run]
        if points:
            yield _draw(number, points, machine)


def _point(row: ValueRow) -> dict[str, Any]:
    """A cell at the operations that it executes per second and per byte moved."""
    macs, elementwise, moved, seconds = (
        row.values[name].absolute.point for name in ("macs", "elementwise_ops", "bytes_moved", "latency")
    )
    operations = 2 * macs + elementwise
    latency = row.values["latency"]
    return {
        "network": network_name(row.axes["backbone"]),
        "module": variant_name(latency),
        "cell": latency.cell,
        "intensity": operations / moved,
        "rate": operations / seconds,
    }


def _draw(number: int, points: list[dict[str, Any]], machine: MachineLimits) -> Figure:
    least = min(0.5 * min(point["intensity"] for point in points), 0.1 * machine.ridge)
    most = max(2 * max(point["intensity"] for point in points), 10 * machine.ridge)
    corners = [least, machine.ridge, most]
    roof = [{"intensity": intensity, "rate": min(machine.rate, machine.bandwidth * intensity)} for intensity in corners]
    x = alt.X("intensity:Q", title="operations per byte moved").scale(type="log", domain=[least, most])
    y = alt.Y("rate:Q", title="operations per second").scale(type="log").axis(format="~s")
    figure_rows = FigureRows()
    chart = alt.layer(
        alt.Chart(figure_rows.named(roof)).mark_line(color=INK).encode(x=x, y=y),
        alt.Chart(figure_rows.named(points))
        .mark_point(filled=True, size=50, opacity=0.8)
        .encode(
            x=x,
            y=y,
            color=alt.Color("network:N", sort=None, title=None).scale(range=COLOURS),
            shape=alt.Shape("module:N", sort=None, title=None),
            tooltip=tooltips("network:N", "module:N", "cell:N", "intensity:Q", "rate:Q"),
        ),
    ).properties(width=WIDTH, height=280)
    title = (
        "Roofline: measured operations per second of each call; line: the limit of the machine, which data from caches "
        "can exceed"
    )
    return figure(chart, figure_rows, f"roofline-{number}", title)
