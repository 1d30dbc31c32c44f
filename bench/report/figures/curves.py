"""Training curves: top-1 by epoch, one line per seed."""

from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt

from bench.report.blocks import Figure
from bench.report.data import ReportData
from bench.report.figures.theme import COLOURS, WIDTH, FigureRows, figure, tooltips
from bench.report.names import network_name, placed_name
from bench.results.estimates import Row

MOST_LINES = 60
"""Maximum number of lines of one figure; more are not distinguishable."""


def curves(data: ReportData) -> Iterator[Figure]:
    """A figure for each group of trained networks with recorded epochs."""
    top1 = data.frame[(data.frame["measure"] == "accuracy") & (data.frame["value"] == "top1")]
    for number, (_, group) in enumerate(top1.groupby(["run", "group"], sort=False), start=1):
        lines: list[Row] = [row for row in group.to_dict("records") if len(_epochs(row)) > 1]
        rows = [row for line in lines[:MOST_LINES] for row in _rows(line)]
        if rows:
            place = f"{network_name(lines[0]['backbone'])} on {lines[0]['details']['dataset']}"
            omitted = f"; the first {MOST_LINES} of {len(lines)}" if len(lines) > MOST_LINES else ""
            yield _draw(number, rows, f"{place}: top-1 by epoch, one line per seed{omitted}")


def _epochs(row: Row) -> Sequence[float | None]:
    epochs: Sequence[float | None] = row["details"].get("epochs", {}).get("top1", ())
    return epochs


def _rows(line: Row) -> Iterator[dict[str, Any]]:
    for epoch, share in enumerate(_epochs(line), start=1):
        if share is not None:
            yield {
                "module": placed_name(line["attention"], line["placement"]),
                "seed": line["seed"],
                "epoch": epoch,
                "top1": round(100 * share, 3),
                "cell": line["cell"],
            }


def _draw(number: int, rows: list[dict[str, Any]], title: str) -> Figure:
    figure_rows = FigureRows()
    chart = (
        alt.Chart(figure_rows.named(rows))
        .mark_line(opacity=0.7)
        .encode(
            x=alt.X("epoch:Q", title="epoch").axis(tickMinStep=1, format="d"),
            y=alt.Y("top1:Q", title="top-1 (%)").scale(zero=False),
            color=alt.Color("module:N", sort=None, title=None).scale(range=COLOURS),
            strokeDash=alt.StrokeDash("module:N", sort=None, title=None),
            detail=alt.Detail("seed:N"),
            tooltip=tooltips("module:N", "seed:N", "epoch:Q", "top1:Q", "cell:N"),
        )
        .properties(width=WIDTH, height=280)
    )
    return figure(chart, figure_rows, f"curves-{number}", title)
