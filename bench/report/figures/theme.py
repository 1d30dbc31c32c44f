"""What all figures share: colours, sizes, and how they are told from what lies around them."""

from typing import Any

import altair as alt

from bench.report.content import Figure

INK = "#7a7a7a"
"""A grey that can be read on white (contrast 4.3) and on black (4.9): one drawing serves light and dark pages."""
BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9"
COLOURS = [BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY]
"""Told apart with every kind of colour blindness (Okabe and Ito, *Color Universal Design*, 2008)."""
WIDTH = 560
"""Pixels of a panel."""
MOST_PANELS = 12
"""Of one figure; the tables have the others."""


def figure(chart: Any, name: str, title: str) -> Figure:
    """Finish a chart. Not held to Vega-Lite's schema, which takes longer than all the rest of it: drawing does that."""
    text = {"labelColor": INK, "titleColor": INK, "labelLimit": 320, "titleFontWeight": "normal"}
    chart = (
        chart.configure(background="transparent", font="system-ui, sans-serif")
        .configure_axis(**text, gridColor=INK, gridOpacity=0.25, domainColor=INK, tickColor=INK)
        .configure_legend(**text)
        .configure_header(**text, labelFontSize=12, labelAnchor="start")
        .configure_title(color=INK, anchor="start", fontWeight="normal")
        .configure_view(stroke=None)
    )
    return Figure(name, title, chart.to_dict(validate=False))


def values(rows: list[dict[str, Any]]) -> alt.Data:
    """Rows as data that lie in the specification. In a tuple, which Altair does not copy at every step."""
    return alt.Data(values=tuple(rows))  # type: ignore[no-untyped-call]
