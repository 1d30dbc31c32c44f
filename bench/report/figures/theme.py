"""Colours, sizes and settings that all figures share."""

from typing import Any

import altair as alt

from bench.report.blocks import Figure

INK = "#7a7a7a"
"""A grey that is readable on white (contrast 4.3) and on black (4.9); one drawing is used for light and dark pages."""
BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9"
COLOURS = [BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY]
"""Colours that are distinct for all types of colour blindness (Okabe and Ito, *Color Universal Design*, 2008)."""
WIDTH = 560
"""Width of a panel, in pixels."""
PADDING = {"left": 40, "right": 40, "top": 8, "bottom": 8}
"""Margins in pixels, because a reader's fonts may be wider than those of the machine that draws the figure."""
MOST_PANELS = 12
"""Maximum number of panels of one figure; the tables contain the other groups."""


def figure(chart: Any, figure_rows: "FigureRows", name: str, title: str) -> Figure:
    """Finish a chart. It is not validated against Vega-Lite's schema, which would take longer than building it; drawing
    validates it.
    """
    text = {"labelColor": INK, "titleColor": INK, "labelLimit": 320, "titleFontWeight": "normal"}
    chart = (
        chart.configure(background="transparent", font="system-ui, sans-serif", padding=PADDING)
        .configure_axis(**text, gridColor=INK, gridOpacity=0.25, domainColor=INK, tickColor=INK)
        .configure_legend(**text)
        .configure_header(**text, labelFontSize=12, labelAnchor="start")
        .configure_title(color=INK, anchor="start", fontWeight="normal")
        .configure_view(stroke=None)
    )
    return Figure(name, title, {**chart.to_dict(validate=False), "datasets": figure_rows.sets})


def tooltips(*fields: str) -> list[alt.Tooltip]:
    """Tooltips for these fields. They are objects, because Altair resolves plain names slowly."""
    return [alt.Tooltip(field) for field in fields]


class FigureRows:
    """The rows of one figure. Its specification refers to them by name, because Altair copies and checks inline rows.

    Attributes:
        sets: name → rows.
    """

    def __init__(self) -> None:
        self.sets: dict[str, list[dict[str, Any]]] = {}

    def named(self, rows: list[dict[str, Any]]) -> alt.NamedData:
        """Add rows and return a reference to them for a chart."""
        name = f"rows-{len(self.sets) + 1}"
        self.sets[name] = rows
        return alt.NamedData(name=name)
