"""The sampler's own trace: the ratio to the baseline, round by round, so that drift can be seen."""

from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

import altair as alt

from bench.report.blocks import Figure
from bench.report.data import ReportData
from bench.report.figures.theme import COLOURS, INK, WIDTH, Data, figure, told
from bench.report.names import network_name, placed_name
from bench.results.estimates import Row

MOST_PANELS = 4
"""Groups; one shows what the others do."""
MOST_POINTS = 10
"""Of one variant in one process; of more rounds the median of each stretch is drawn."""


def trace(seen: ReportData) -> Iterator[Figure]:
    """One figure of the first groups that were timed, a panel each."""
    timed = seen.frame[(seen.frame["value"] == "latency") & (seen.frame["status"] == "ok")]
    groups = list(timed.groupby(["run", "group"], sort=False))
    shown = [rows for _, group in groups[:MOST_PANELS] if (rows := list(_rows(group, len(seen.runs) > 1)))]
    if not shown:
        return
    data = Data()
    chart = alt.vconcat(*(_panel(rows, data) for rows in shown)).resolve_scale(color="shared", shape="shared")
    left_out = f"; the first {MOST_PANELS} of {len(groups)} groups" if len(groups) > MOST_PANELS else ""
    yield figure(chart, data, "trace", f"Time against the baseline by round{left_out}")


def _panel(rows: list[dict[str, Any]], data: Data) -> Any:
    points = (
        alt.Chart(data.named(rows))
        .mark_point(filled=True, size=16)
        .encode(
            x=alt.X("round:Q", title="round, the processes one after the other"),
            y=alt.Y("change:Q", title="% over the baseline").scale(zero=False),
            color=alt.Color("module:N", sort=None, title=None).scale(range=COLOURS),
            shape=alt.Shape("module:N", sort=None, title=None),
            tooltip=told("module:N", "process:Q", "round:Q", "change:Q", "rounds:Q"),
        )
    )
    zero = alt.Chart(data.named([{}])).mark_rule(color=INK, strokeDash=[4, 3]).encode(y=alt.datum(0))
    return alt.layer(zero, points).properties(width=WIDTH, height=160, title=rows[0]["panel"])


def _rows(group: Any, several_runs: bool) -> Iterator[dict[str, Any]]:
    members: list[Row] = group.to_dict("records")
    baselines = {row["repeat"]: row["samples"] for row in members if row["role"] == "baseline"}
    where = f", {members[0]['run']}" if several_runs else ""
    longest = max(map(len, baselines.values()), default=0)
    for row in members:
        if row["role"] != "baseline" and row["repeat"] in baselines:
            name = "A/A control" if row["role"] == "control" else placed_name(row["attention"], row["placement"])
            for start, ratio, count in _stretches(row["samples"], baselines[row["repeat"]]):
                yield {
                    "panel": f"{network_name(row['backbone'])}, {row['group']}{where}",
                    "module": name,
                    "process": row["repeat"] + 1,
                    "round": row["repeat"] * longest + start + 1,
                    "change": round(100 * (ratio - 1), 3),
                    "rounds": count,
                }


def _stretches(samples: Sequence[float | None], baseline: Sequence[float | None]) -> Iterator[tuple[int, float, int]]:
    """Where a stretch of rounds begins, the median ratio in it, and how many rounds it has."""
    ratios = [
        (place, own / other) for place, (own, other) in enumerate(zip(samples, baseline, strict=False)) if own and other
    ]
    length = max(1, -(-len(ratios) // MOST_POINTS))
    for start in range(0, len(ratios), length):
        stretch = ratios[start : start + length]
        yield stretch[0][0], median(ratio for _, ratio in stretch), len(stretch)
