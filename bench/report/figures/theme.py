"""Colours, sizes and settings that all figures share."""

from typing import Any

import altair as alt

from bench.report.blocks import Figure

INK = "#5b5b5b"
BLUE, ORANGE, GREEN, PURPLE, VERMILION, VIOLET = "#0072b2", "#946000", "#007a59", "#a8457e", "#c04a00", "#6b4fa0"
OLIVE, MAROON = "#4d6a00", "#8c1d40"
COLOURS = [BLUE, ORANGE, GREEN, PURPLE, VERMILION, VIOLET, OLIVE, MAROON]
"""Colours for light pages, after Okabe and Ito, *Color Universal Design*, 2008, darkened to a contrast of 4.5 on white.
Shapes or dashes distinguish modules, too."""
DARK = {
    INK: "#b0b0b0",
    BLUE: "#56b4e9",
    ORANGE: "#f0b93a",
    GREEN: "#00b488",
    PURPLE: "#e08cbb",
    VERMILION: "#ff7f32",
    VIOLET: "#b59ae8",
    OLIVE: "#b5d33d",
    MAROON: "#ff8fb1",
}
"""Colour for light pages → colour for dark pages."""
DARK_PAGE = "#161616"
"""Background of dark pages."""
WORSE, NEUTRAL, BETTER = "#f2a65a", "#f2f2f2", "#6bb0e0"
"""Colours of tiles, which carry black text on light and dark pages."""
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
        .configure_axis(
            **text,
            gridColor=INK,
            gridOpacity=0.25,
            domainColor=INK,
            tickColor=INK,
            labelOverlap="greedy",
            labelSeparation=6,
        )
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
