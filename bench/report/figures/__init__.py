"""Figures, a kind a file: what was seen → as many as there is something to draw for. One specification each."""

from bench.report.blocks import Figure


def svg(figure: Figure) -> str:
    """The figure as it stands in a page that cannot run anything."""
    import vl_convert

    drawn: str = vl_convert.vegalite_to_svg(dict(figure.spec))
    return drawn
