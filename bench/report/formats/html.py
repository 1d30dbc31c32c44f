"""A page as one HTML file that opens offline, with tables that sort and filter, and figures with tooltips."""

import base64
from functools import cache
from importlib.resources import files

from bench.report.blocks import Page
from bench.report.formats.markdown import without_figures


def html(page: Page) -> str:
    """The HTML of a page. The template escapes texts; figures are embedded as JSON."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("bench.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    drawn = list(without_figures(page.blocks)) != list(page.blocks)
    return environment.get_template("report.html.j2").render(
        title=page.title,
        blocks=page.blocks,
        tables_script=_data_url(_itables("dt_bundle.js")),
        tables_style=_itables("dt_bundle.css"),
        figures_script=_vega() if drawn else "",
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
