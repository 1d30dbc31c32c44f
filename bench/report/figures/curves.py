"""Training curves: mean top-1 by epoch, with the confidence band over seeds."""

from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt

from bench.report.blocks import Figure
from bench.report.data import ReportData
from bench.report.figures.theme import COLOURS, WIDTH, FigureRows, figure, tooltips
from bench.report.names import network_name, placed_name
from bench.results.estimates import Row
from bench.results.statistics import student_interval

MOST_MODULES = 8
"""Maximum number of modules of one figure; more are not distinguishable."""


def curves(data: ReportData) -> Iterator[Figure]:
    """A figure for each group of trained networks with recorded epochs."""
    top1 = data.frame[(data.frame["measure"] == "accuracy") & (data.frame["value"] == "top1")]
    for number, (_, group) in enumerate(top1.groupby(["run", "group"], sort=False), start=1):
        trainings: list[Row] = [row for row in group.to_dict("records") if len(_epochs(row)) > 1]
        modules: dict[str, list[Row]] = {}
        for training in trainings:
            modules.setdefault(placed_name(training["attention"], training["placement"]), []).append(training)
        rows = [row for name in list(modules)[:MOST_MODULES] for row in _rows(name, modules[name])]
        if rows:
            place = f"{network_name(trainings[0]['backbone'])} on {trainings[0]['details']['dataset']}"
            omitted = f"; the first {MOST_MODULES} of {len(modules)} modules" if len(modules) > MOST_MODULES else ""
            yield _draw(number, rows, f"{place}: top-1 by epoch, mean and 95 % band over seeds{omitted}")


def _epochs(row: Row) -> Sequence[float | None]:
    epochs: Sequence[float | None] = row["details"].get("epochs", {}).get("top1", ())
    return epochs


def _rows(module: str, trainings: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """The mean and the interval over seeds of each epoch."""
    for epoch, shares in enumerate(zip(*map(_epochs, trainings), strict=False), start=1):
        known = [100 * share for share in shares if share is not None]
        if known:
            mean, low, high = student_interval(known)
            bounds = {} if low is None or high is None else {"low": round(low, 3), "high": round(high, 3)}
            yield {
                "module": module,
                "epoch": epoch,
                "top1": round(mean, 3),
                **bounds,
                "seeds": len(known),
                "cell": trainings[0]["cell"],
            }


def _draw(number: int, rows: list[dict[str, Any]], title: str) -> Figure:
    figure_rows = FigureRows()
    base = alt.Chart(figure_rows.named(rows)).encode(
        x=alt.X("epoch:Q", title="epoch").axis(tickMinStep=1, format="d"),
        color=alt.Color("module:N", sort=None, title=None).scale(range=COLOURS).legend(symbolOpacity=1),
    )
    line = base.mark_line().encode(
        y=alt.Y("top1:Q", title="top-1 (%)").scale(zero=False),
        tooltip=tooltips("module:N", "epoch:Q", "top1:Q", "low:Q", "high:Q", "seeds:Q", "cell:N"),
    )
    band = base.mark_area(opacity=0.1).encode(y=alt.Y("low:Q", title="top-1 (%)"), y2=alt.Y2("high:Q"))
    chart = alt.layer(band, line).properties(width=WIDTH, height=280)
    return figure(chart, figure_rows, f"curves-{number}", title)
