"""Forest plot: the latency of each module relative to the baseline, with its confidence interval."""

from collections.abc import Iterator
from typing import Any

import altair as alt

from bench.report.blocks import Figure
from bench.report.data import ReportData
from bench.report.figures.theme import (
    BLUE,
    GREEN,
    INK,
    MOST_PANELS,
    ORANGE,
    VERMILION,
    WIDTH,
    FigureRows,
    figure,
    tooltips,
)
from bench.report.names import member_name, panel_name
from bench.results.estimates import Comparison, shown_ratio
from bench.results.time_verdicts import TimeVerdict

VERDICT_COLOURS = {
    "slower": VERMILION,
    "faster": BLUE,
    "no difference": GREEN,
    "inconclusive": ORANGE,
    "A/A control": INK,
}
"""Verdict → colour of its mark."""


def forest(data: ReportData) -> Iterator[Figure]:
    """One figure with a panel for each group of timed variants, the A/A control included."""
    groups: dict[tuple[str, str], list[Comparison]] = {}
    for comparison in data.costs:
        if comparison.value == "latency" and comparison.ratio is not None and comparison.ratio.low is not None:
            groups.setdefault((comparison.run, comparison.group), []).append(comparison)
    times = {id(time.variant): time for time in data.times}
    several_runs = len({run for run, _ in groups}) > 1
    shown = [
        [_row(member, times.get(id(member)), group, panel_name(group, several_runs)) for member in group]
        for group in list(groups.values())[:MOST_PANELS]
    ]
    if not shown:
        return
    figure_rows = FigureRows()
    chart = alt.vconcat(*(_panel(rows, figure_rows) for rows in shown)).resolve_scale(x="shared")
    omitted = f"; the first {MOST_PANELS} of {len(groups)} groups" if len(groups) > MOST_PANELS else ""
    title = (
        "Latency of each module relative to its baseline, with 95 % confidence intervals over processes; grey: the "
        f"resolution{omitted}"
    )
    yield figure(chart, figure_rows, "forest", title)


def _panel(rows: list[dict[str, Any]], figure_rows: FigureRows) -> Any:
    colour = alt.Color("verdict:N", title=None).scale(domain=list(VERDICT_COLOURS), range=[*VERDICT_COLOURS.values()])
    base = alt.Chart(figure_rows.named(rows)).encode(
        y=alt.Y("module:N", sort=None, title=None),
        color=colour,
        tooltip=tooltips("module:N", "verdict:N", "change:Q", "low:Q", "high:Q", "processes:Q", "cell:N"),
    )
    interval = base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", title="latency Δ (%)"), x2=alt.X2("high:Q"))
    point = base.mark_point(filled=True, size=60, opacity=1).encode(
        x=alt.X("change:Q"), shape=alt.Shape("verdict:N", title=None).scale(domain=list(VERDICT_COLOURS))
    )
    limits = [row["resolution"] for row in rows if "resolution" in row]
    band = [{"from": round(100 / (1 + limit / 100) - 100, 3), "to": limit} for limit in limits[:1]]
    marks = [alt.Chart(figure_rows.named([{}])).mark_rule(color=INK, strokeDash=[4, 3]).encode(x=alt.datum(0))]
    if band:
        marks.insert(
            0, alt.Chart(figure_rows.named(band)).mark_rect(color=INK, opacity=0.2).encode(x="from:Q", x2="to:Q")
        )
    return alt.layer(*marks, interval, point).properties(width=WIDTH, title=rows[0]["panel"])


def _row(member: Comparison, time: TimeVerdict | None, group: list[Comparison], panel: str) -> dict[str, Any]:
    ratio = shown_ratio(member)
    assert ratio is not None
    bounds = zip(("change", "low", "high"), (ratio.point, ratio.low, ratio.high), strict=True)
    return {
        "panel": panel,
        "module": member_name(member, group),
        "verdict": time.verdict if time else "A/A control",
        **{name: round(100 * (bound - 1), 3) for name, bound in bounds if bound is not None},
        **({"resolution": round(time.resolution_percent, 3)} if time and time.resolution is not None else {}),
        "processes": len(member.per_process),
        "cell": member.cell,
    }
