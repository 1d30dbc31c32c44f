"""Peak memory of a call, by category of tensor."""

from collections.abc import Iterator
from typing import Any

import altair as alt

from bench.report.blocks import Figure
from bench.report.data import ReportData
from bench.report.figures.theme import COLOURS, MOST_PANELS, WIDTH, FigureRows, figure, tooltips
from bench.report.names import member_name, panel_name
from bench.results.estimates import Comparison

KINDS = ("parameters", "state", "gradients", "activations", "temporaries")


def memory(data: ReportData) -> Iterator[Figure]:
    """One figure with a panel for each group whose peak memory is recorded by category."""
    groups: dict[tuple[str, str], list[Comparison]] = {}
    for comparison in data.costs:
        if comparison.value == "peak_bytes" and "peak_shares" in comparison.details:
            groups.setdefault((comparison.run, comparison.group), []).append(comparison)
    if not groups:
        return
    figure_rows = FigureRows()
    shown = list(groups.values())[:MOST_PANELS]
    several_runs = len({run for run, _ in groups}) > 1
    charts = [_panel(group, panel_name(group, several_runs), figure_rows) for group in shown]
    omitted = f"; the first {MOST_PANELS} of {len(groups)} groups" if len(groups) > MOST_PANELS else ""
    chart = alt.vconcat(*charts).resolve_scale(color="shared")
    yield figure(chart, figure_rows, "memory", f"Peak memory of one call, by category of tensor{omitted}")


def _panel(group: list[Comparison], title: str, figure_rows: FigureRows) -> Any:
    return (
        alt.Chart(figure_rows.named([row for comparison in group for row in _rows(comparison, group)]))
        .mark_bar()
        .encode(
            x=alt.X("bytes:Q", title="peak memory (bytes)", axis=alt.Axis(format="~s")),
            y=alt.Y("module:N", sort=None, title=None),
            color=alt.Color("kind:N", title=None).scale(domain=list(KINDS), range=COLOURS),
            order=alt.Order("order:Q"),
            tooltip=tooltips("module:N", "kind:N", "bytes:Q", "cell:N"),
        )
        .properties(width=WIDTH, title=title)
    )


def _rows(comparison: Comparison, group: list[Comparison]) -> Iterator[dict[str, Any]]:
    for order, kind in enumerate(KINDS):
        yield {
            "module": member_name(comparison, group),
            "kind": kind,
            "order": order,
            "bytes": comparison.details["peak_shares"].get(kind, 0),
            "cell": comparison.cell,
        }
