"""What all figures share: colours, sizes, and how they are told from what lies around them."""

from typing import Any

import altair as alt

from bench.report.blocks import Figure

INK = "#7a7a7a"
"""A grey that can be read on white (contrast 4.3) and on black (4.9): one drawing serves light and dark pages."""
BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9"
COLOURS = [BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY]
"""Told apart with every kind of colour blindness (Okabe and Ito, *Color Universal Design*, 2008)."""
WIDTH = 560
"""Pixels of a panel."""
PADDING = {"left": 40, "right": 40, "top": 8, "bottom": 8}
"""Pixels around it all: where a page is read letters may be wider than where it was drawn, and would be cut off."""
MOST_PANELS = 12
"""Of one figure; the tables have the others."""


def figure(chart: Any, data: "Data", name: str, title: str) -> Figure:
    """Finish a chart. Not held to Vega-Lite's schema, which takes longer than all the rest of it: drawing does that."""
    text = {"labelColor": INK, "titleColor": INK, "labelLimit": 320, "titleFontWeight": "normal"}
    chart = (
        chart.configure(background="transparent", font="system-ui, sans-serif", padding=PADDING)
        .configure_axis(**text, gridColor=INK, gridOpacity=0.25, domainColor=INK, tickColor=INK)
        .configure_legend(**text)
        .configure_header(**text, labelFontSize=12, labelAnchor="start")
        .configure_title(color=INK, anchor="start", fontWeight="normal")
        .configure_view(stroke=None)
    )
    return Figure(name, title, {**chart.to_dict(validate=False), "datasets": data.sets})


def told(*fields: str) -> list[alt.Tooltip]:
    """What is told where one points. Altair takes names alone, too, and then looks for their class among all it has."""
    return [alt.Tooltip(field) for field in fields]


class Data:
    """The rows of one figure, in its specification by name: Altair would copy and check them at every step.

    Attributes:
        sets: name → rows.
    """

    def __init__(self) -> None:
        self.sets: dict[str, list[dict[str, Any]]] = {}

    def named(self, rows: list[dict[str, Any]]) -> alt.NamedData:
        """Rows as a chart takes them."""
        name = f"rows-{len(self.sets) + 1}"
        self.sets[name] = rows
        return alt.NamedData(name=name)
