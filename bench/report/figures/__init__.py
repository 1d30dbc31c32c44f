"""Figures, one type per file. Each function yields figures of a report's data as Vega-Lite specifications."""

from bench.report.blocks import Figure


def svg(figure: Figure) -> str:
    """The figure as a static SVG image, whose colours follow the reader's light or dark theme."""
    import vl_convert

    from bench.report.figures.theme import DARK, DARK_PAGE

    drawn: str = vl_convert.vegalite_to_svg(dict(figure.spec))
    rules = [f'[{kind}="{light}"]{{{kind}:{dark}}}' for light, dark in DARK.items() for kind in ("fill", "stroke")]
    page = f"svg{{background:{DARK_PAGE}}}"  # otherwise pale text would stand on the white of a viewer
    style = f"<style>@media (prefers-color-scheme: dark){{{page}{''.join(rules)}}}</style>"
    start, end, rest = drawn.partition(">")
    return f"{start}{end}{style}{rest}"
