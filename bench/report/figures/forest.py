"""Forest plot: the latency of each module relative to the baseline, with its confidence interval."""

from collections.abc import Iterator
from typing import Any

import altair as alt

from bench.report.blocks import Figure
from bench.report.data import ReportData
from bench.report.figures.theme import BLUE, INK, MOST_PANELS, WIDTH, FigureRows, figure, tooltips
from bench.report.names import member_name, panel_name
from bench.results.estimates import Comparison


def forest(data: ReportData) -> Iterator[Figure]:
    """One figure with a panel for each group of timed variants, the A/A control included."""
    groups: dict[tuple[str, str], list[Comparison]] = {}
    for comparison in data.costs:
        if comparison.value == "latency" and comparison.ratio is not None and comparison.ratio.low is not None:
            groups.setdefault((comparison.run, comparison.group), []).append(comparison)
    shown = [
        [_row(comparison, group, panel_name(group, data.several_runs)) for comparison in group]
        for group in list(groups.values())[:MOST_PANELS]
    ]
    if not shown:
        return
    figure_rows = FigureRows()
    chart = alt.vconcat(*(_panel(rows, figure_rows) for rows in shown)).resolve_scale(x="shared")
    omitted = f"; the first {MOST_PANELS} of {len(groups)} groups" if len(groups) > MOST_PANELS else ""
    title = f"Latency of each module relative to its baseline, with 95 % confidence intervals over processes{omitted}"
    yield figure(chart, figure_rows, "forest", title)


def _panel(rows: list[dict[str, Any]], figure_rows: FigureRows) -> Any:
    base = alt.Chart(figure_rows.named(rows)).encode(
        y=alt.Y("module:N", sort=None, title=None),
        color=alt.Color("kind:N", legend=None).scale(domain=["module", "control"], range=[BLUE, INK]),
        tooltip=tooltips("module:N", "change:Q", "low:Q", "high:Q", "processes:Q", "cell:N"),
    )
    interval = base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", title="latency Δ (%)"), x2=alt.X2("high:Q"))
    point = base.mark_point(filled=True, size=60, opacity=1).encode(
        x=alt.X("change:Q"), shape=alt.Shape("kind:N", legend=None).scale(domain=["module", "control"])
    )
    zero = alt.Chart(figure_rows.named([{}])).mark_rule(color=INK, strokeDash=[4, 3]).encode(x=alt.datum(0))
    return alt.layer(zero, interval, point).properties(width=WIDTH, title=rows[0]["panel"])


def _row(comparison: Comparison, group: list[Comparison], panel: str) -> dict[str, Any]:
    ratio = comparison.ratio
    assert ratio is not None
    bounds = zip(("change", "low", "high"), (ratio.point, ratio.low, ratio.high), strict=True)
    return {
        "panel": panel,
        "module": member_name(comparison, group),
        "kind": "control" if comparison.role == "control" else "module",
        **{name: round(100 * (bound - 1), 3) for name, bound in bounds if bound is not None},
        "processes": len(comparison.per_process),
        "cell": comparison.cell,
    }
