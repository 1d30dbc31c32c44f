"""A page as one HTML file that opens offline, with tables that sort and filter, and figures with tooltips.

Notebooks show a fragment of plain HTML instead.
"""

import base64
from collections.abc import Iterable
from functools import cache
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

from bench.report.blocks import Block, Figure, Page, Picker
from bench.report.figures import svg
from bench.report.formats.markdown import without_figures

if TYPE_CHECKING:
    from jinja2 import Environment


def html(page: Page) -> str:
    """The HTML of a page. The template escapes texts; figures are embedded as JSON."""
    from bench.report.figures.theme import DARK

    drawn = list(without_figures(page.blocks)) != list(page.blocks)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            title=page.title,
            blocks=page.blocks,
            tables_script=_data_url(_itables("dt_bundle.js")),
            tables_style=_itables("dt_bundle.css"),
            figures_script=_vega() if drawn else "",
            dark_colours=DARK,
        )
    )


def fragment(blocks: Iterable[Block]) -> str:
    """The HTML of blocks for a notebook: without scripts, with figures as SVG, without blocks that need a script."""
    render = _environment().get_template("blocks.html.j2").module.render  # type: ignore[attr-defined]
    parts = []
    for block in blocks:
        if isinstance(block, Figure):
            parts.append(f"<figure>{svg(block)}<figcaption>{escape(block.title)}</figcaption></figure>")
        elif not isinstance(block, Picker):
            parts.append(render(list(without_figures([block]))))
    return "\n".join(parts)


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("bench.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _itables(name: str) -> str:
    """Source of DataTables, from the bundle in itables."""
    return files("itables").joinpath("html", name).read_text(encoding="utf-8")


def _data_url(script: str) -> str:
    return f"data:text/javascript;base64,{base64.b64encode(script.encode()).decode()}"


@cache
def _vega() -> str:
    import vl_convert

    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return bundle.replace("</script", "<\\/script")  # which would end the surrounding element
