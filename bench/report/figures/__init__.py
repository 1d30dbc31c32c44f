"""Figures, one type per file. Each function yields figures of a report's data as Vega-Lite specifications."""

from bench.report.blocks import Figure


def svg(figure: Figure) -> str:
    """The figure as a static SVG image."""
    import vl_convert

    drawn: str = vl_convert.vegalite_to_svg(dict(figure.spec))
    return drawn
