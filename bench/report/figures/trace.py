"""Trace of the sampler: the ratio to the baseline, round by round, which makes drift visible."""

from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

import altair as alt

from bench.report.blocks import Figure
from bench.report.data import ReportData
from bench.report.figures.theme import COLOURS, INK, WIDTH, FigureRows, figure, tooltips
from bench.report.names import CONDITIONS, USUAL, condition_name, network_name, placed_name, run_name
from bench.results.estimates import Row

MOST_TRACES = 4
"""Maximum number of groups in the figure."""
MOST_POINTS = 10
"""Maximum number of points of one variant in one process; each is the median of consecutive rounds."""


def trace(data: ReportData) -> Iterator[Figure]:
    """One figure with a panel for each of the first timed groups."""
    timed = data.frame[(data.frame["value"] == "latency") & (data.frame["status"] == "ok")]
    groups = list(timed.groupby(["run", "group"], sort=False))
    several_runs = timed["run"].nunique() > 1
    shown = [rows for _, group in groups[:MOST_TRACES] if (rows := list(_rows(group, several_runs)))]
    if not shown:
        return
    figure_rows = FigureRows()
    chart = alt.vconcat(*(_panel(rows, figure_rows) for rows in shown)).resolve_scale(color="shared", shape="shared")
    omitted = f"; the first {MOST_TRACES} of {len(groups)} groups" if len(groups) > MOST_TRACES else ""
    yield figure(chart, figure_rows, "trace", f"Latency relative to the baseline, by round{omitted}")


def _panel(rows: list[dict[str, Any]], figure_rows: FigureRows) -> Any:
    points = (
        alt.Chart(figure_rows.named(rows))
        .mark_point(filled=True, size=16)
        .encode(
            x=alt.X("round:Q", title="round (processes one after the other)"),
            y=alt.Y("change:Q", title="latency Δ (%)").scale(zero=False),
            color=alt.Color("module:N", sort=None, title=None).scale(range=COLOURS),
            shape=alt.Shape("module:N", sort=None, title=None),
            tooltip=tooltips("module:N", "process:Q", "round:Q", "change:Q", "rounds:Q"),
        )
    )
    zero = alt.Chart(figure_rows.named([{}])).mark_rule(color=INK, strokeDash=[4, 3]).encode(y=alt.datum(0))
    return alt.layer(zero, points).properties(width=WIDTH, height=160, title=rows[0]["panel"])


def _rows(group: Any, several_runs: bool) -> Iterator[dict[str, Any]]:
    members: list[Row] = group.to_dict("records")
    baselines = {row["repeat"]: row["samples"] for row in members if row["role"] == "baseline"}
    where = f", {run_name(members[0]['run'])}" if several_runs else ""
    longest = max(map(len, baselines.values()), default=0)
    for row in members:
        if row["role"] != "baseline" and row["repeat"] in baselines:
            name = "A/A control" if row["role"] == "control" else placed_name(row["attention"], row["placement"])
            for start, ratio, count in _stretches(row["samples"], baselines[row["repeat"]]):
                yield {
                    "panel": f"{network_name(row['backbone'])}: {_conditions(members[0])}{where}",
                    "module": name,
                    "process": row["repeat"] + 1,
                    "round": row["repeat"] * longest + start + 1,
                    "change": round(100 * (ratio - 1), 3),
                    "rounds": count,
                }


def _conditions(row: Row) -> str:
    known = ((axis, row[axis]) for axis in CONDITIONS)
    return ", ".join(condition_name(axis, label) for axis, label in known if label not in (None, USUAL.get(axis)))


def _stretches(samples: Sequence[float | None], baseline: Sequence[float | None]) -> Iterator[tuple[int, float, int]]:
    """First round, median ratio and number of rounds of each stretch of consecutive rounds."""
    ratios = [
        (place, seconds / reference)
        for place, (seconds, reference) in enumerate(zip(samples, baseline, strict=False))
        if seconds and reference
    ]
    length = max(1, -(-len(ratios) // MOST_POINTS))
    for start in range(0, len(ratios), length):
        stretch = ratios[start : start + length]
        yield stretch[0][0], median(ratio for _, ratio in stretch), len(stretch)
