"""Colours, sizes and finishing touches that all figures share."""

from typing import Any

import altair as alt

from bench.report.blocks import Figure

INK = "#7a7a7a"
"""A grey that is readable on white (contrast 4.3) and on black (4.9): one drawing serves light and dark pages."""
BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9"
COLOURS = [BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY]
"""Distinct for every kind of colour blindness (Okabe and Ito, *Color Universal Design*, 2008)."""
WIDTH = 560
"""Width of a panel, in pixels."""
PADDING = {"left": 40, "right": 40, "top": 8, "bottom": 8}
"""Margin in pixels: fonts of the reader may be wider than those of the drawing machine and would be cut off."""
MOST_PANELS = 12
"""Most panels of one figure; the tables have the others."""


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
    """Tooltips of these fields. Objects, since Altair resolves plain names slowly."""
    return [alt.Tooltip(field) for field in fields]


class FigureRows:
    """The rows of one figure, which its specification refers to by name: Altair would copy and check inline rows.

    Attributes:
        sets: name → rows.
    """

    def __init__(self) -> None:
        self.sets: dict[str, list[dict[str, Any]]] = {}

    def named(self, rows: list[dict[str, Any]]) -> alt.NamedData:
        """Add rows, and return the reference that a chart takes."""
        name = f"rows-{len(self.sets) + 1}"
        self.sets[name] = rows
        return alt.NamedData(name=name)
