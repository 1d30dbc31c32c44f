"""Latency and throughput against the batch size, and against the resolution."""

from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt

from bench.report.blocks import Figure
from bench.report.data import ReportData
from bench.report.figures.theme import COLOURS, WIDTH, FigureRows, figure, tooltips
from bench.report.names import CONDITIONS, condition_name, network_name, variant_name
from bench.results.estimates import Comparison

LEAST = 3
"""Minimum number of batch sizes, or of resolutions, for a figure."""
SWEPT = {"batch": "batch size", "resolution": "resolution (px)"}
"""Axis → its title."""
PANELS = (
    ("milliseconds", "latency (ms)"),
    ("throughput", "images per second"),
    ("change", "latency Δ (%)"),
)
"""Field of a row → title of its panel."""


def scaling(data: ReportData) -> Iterator[Figure]:
    """A figure for each network, mode and swept axis with enough values; it has a line for each module."""
    for axis in SWEPT:
        sweeps: dict[tuple[Any, ...], list[Comparison]] = {}
        for comparison in data.costs:
            if comparison.value == "latency" and comparison.role != "control" and comparison.axes[axis] is not None:
                fixed = tuple(comparison.axes[other] for other in ("backbone", *CONDITIONS) if other != axis)
                sweeps.setdefault((comparison.run, *fixed), []).append(comparison)
        enough = [members for members in sweeps.values() if len({one.axes[axis] for one in members}) >= LEAST]
        for number, members in enumerate(enough, start=1):
            yield _draw(axis, number, members)


def _draw(axis: str, number: int, members: Sequence[Comparison]) -> Figure:
    figure_rows = FigureRows()
    rows = figure_rows.named([_row(axis, member) for member in members])
    x = alt.X("swept:Q", title=SWEPT[axis]).scale(type="log").axis(values=sorted({one.axes[axis] for one in members}))
    panels = [_panel(rows, x, field, title) for field, title in PANELS]
    axes = members[0].axes
    conditions = [
        condition_name(other, axes[other])
        for other in CONDITIONS
        if other != axis and axes[other] not in (None, "contiguous")
    ]
    title = f"{network_name(axes['backbone'])} ({', '.join(conditions)}): latency and throughput against {SWEPT[axis]}"
    return figure(alt.vconcat(*panels), figure_rows, f"scaling-{axis}-{number}", title)


def _panel(rows: alt.NamedData, x: Any, field: str, title: str) -> Any:
    # Latencies of a sweep span orders of magnitude; changes may be negative.
    y = alt.Y(f"{field}:Q", title=title).scale(**({"zero": False} if field == "change" else {"type": "log"}))
    colour = alt.Color("module:N", sort=None, title=None).scale(range=COLOURS)
    base = alt.Chart(rows).encode(x=x, color=colour)
    shown = tooltips("module:N", "swept:Q", "milliseconds:Q", "throughput:Q", "change:Q", "low:Q", "high:Q", "cell:N")
    shape = alt.Shape("module:N", sort=None, title=None)
    layers = [
        base.mark_line().encode(y=y),
        base.mark_point(filled=True, size=50).encode(y=y, shape=shape, tooltip=shown),
    ]
    if field == "change":
        layers.append(base.mark_rule().encode(y=alt.Y("low:Q", title=title), y2=alt.Y2("high:Q")))
    return alt.layer(*layers).properties(width=WIDTH, height=160)


def _row(axis: str, member: Comparison) -> dict[str, Any]:
    seconds, ratio = member.absolute.point, member.ratio
    row = {
        "module": variant_name(member),
        "swept": member.axes[axis],
        "milliseconds": round(1000 * seconds, 4),
        "throughput": round((member.axes["batch"] or 1) / seconds, 2),
        "cell": member.cell,
    }
    if ratio is not None:
        bounds = zip(("change", "low", "high"), (ratio.point, ratio.low, ratio.high), strict=True)
        row |= {name: round(100 * (bound - 1), 3) for name, bound in bounds if bound is not None}
    return row
