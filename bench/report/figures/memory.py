"""What lies in memory at the peak of a call, by kind."""

from collections.abc import Iterator
from typing import Any

import altair as alt

from bench.report.content import Figure
from bench.report.figures.theme import COLOURS, MOST_PANELS, WIDTH, Data, figure
from bench.report.names import network_name
from bench.report.seen import Seen
from bench.report.summary import conditions, variant_name
from bench.results.estimates import Comparison

KINDS = ("parameters", "state", "gradients", "activations", "temporaries")


def memory(seen: Seen) -> Iterator[Figure]:
    """One figure, a panel for each group whose live peak is known by its shares."""
    groups: dict[tuple[str, str], list[Comparison]] = {}
    for each in seen.costs:
        if each.value == "live_peak_bytes" and "live_peak_shares" in each.details:
            groups.setdefault((each.run, each.group), []).append(each)
    rows = [row for group in list(groups.values())[:MOST_PANELS] for each in group for row in _rows(each)]
    if not rows:
        return
    data = Data()
    chart = (
        alt.Chart(data.named(rows))
        .mark_bar()
        .encode(
            x=alt.X("bytes:Q", title="live at the peak, bytes", axis=alt.Axis(format="~s")),
            y=alt.Y("module:N", sort=None, title=None),
            color=alt.Color("kind:N", title=None).scale(domain=list(KINDS), range=COLOURS),
            order=alt.Order("order:Q"),
            tooltip=["module:N", "kind:N", "bytes:Q", "cell:N"],
        )
        .properties(width=WIDTH)
        .facet(row=alt.Row("panel:N", sort=None, title=None, header=alt.Header(labelOrient="top")))
        .resolve_scale(y="independent", x="independent")
    )
    left_out = f"; the first {MOST_PANELS} of {len(groups)} groups" if len(groups) > MOST_PANELS else ""
    yield figure(chart, data, "memory", f"What lies in memory at the peak of one call{left_out}")


def _rows(each: Comparison) -> Iterator[dict[str, Any]]:
    for order, kind in enumerate(KINDS):
        yield {
            "panel": f"{network_name(each.axes['backbone'])}: {conditions(each, each)}",
            "module": variant_name(each),
            "kind": kind,
            "order": order,
            "bytes": each.details["live_peak_shares"].get(kind, 0),
            "cell": each.cell,
        }
