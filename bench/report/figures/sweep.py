"""Accuracy by λ, with the confidence band over seeds and the authors' values of λ."""

from collections.abc import Iterator
from typing import Any

import altair as alt

from bench.report.blocks import Figure
from bench.report.data import ReportData
from bench.report.figures.theme import BLUE, INK, ORANGE, WIDTH, FigureRows, figure, tooltips
from bench.report.names import network_name, variant_name
from bench.results.estimates import Comparison

DEFAULT = 1e-4
"""Default λ of the authors' module and of ours."""
MARKED = ({"λ": DEFAULT, "what": "the authors' default"}, {"λ": 0.1, "what": "published for ImageNet"})
"""The λ of the authors' commands for ImageNet and COCO; the λ of their CIFAR runs is not published."""
SHOWN = ("λ:Q", "top1:Q", "low:Q", "high:Q", "seeds:Q")
"""Fields of a tooltip."""
LEAST = 3
"""Minimum number of values of λ for a curve."""


def sweep(data: ReportData) -> Iterator[Figure]:
    """A figure for each group of accuracies with at least three values of λ."""
    accuracies = data.frame[data.frame["measure"] == "accuracy"]
    places = zip(accuracies["run"], accuracies["cell"], strict=True)
    options = dict(zip(places, accuracies["options"], strict=True))
    groups: dict[tuple[str, str], list[Comparison]] = {}
    for comparison in data.comparisons:
        if comparison.measure == "accuracy" and comparison.value == "top1":
            groups.setdefault((comparison.run, comparison.group), []).append(comparison)
    number = 0
    for (run, _), group in groups.items():
        curves: dict[Any, list[dict[str, Any]]] = {}
        for comparison in group:
            module_options = dict((options[run, comparison.cell] or {}).get("attention", {}))
            e_lambda = module_options.pop("e_lambda", DEFAULT)
            # Each placement and each other option is a curve; a logarithmic axis has no 0.
            if str(comparison.axes["attention"]).partition("(")[0] == "simam" and e_lambda > 0:
                row = _row(comparison, e_lambda)
                curves.setdefault((comparison.axes["placement"], str(module_options)), []).append(row)
        plain = next((comparison for comparison in group if comparison.role == "baseline"), None)
        for (place, _), rows in curves.items():
            if len({row["λ"] for row in rows}) >= LEAST:
                number += 1
                network = network_name(group[0].axes["backbone"])
                yield _draw(number, rows, plain, f"{network} with SimAM{f' at {place}' if place else ''}")


def _row(comparison: Comparison, e_lambda: float) -> dict[str, Any]:
    accuracy = comparison.absolute
    bounds = {"top1": accuracy.point, "low": accuracy.low, "high": accuracy.high}
    shares = {name: 100 * bound for name, bound in bounds.items() if bound is not None}
    return {"λ": e_lambda, **shares, "seeds": comparison.repeats}


def _draw(number: int, rows: list[dict[str, Any]], plain: Comparison | None, network: str) -> Figure:
    x = alt.X("λ:Q", title="λ").scale(type="log").axis(format="~e")
    y = alt.Y("top1:Q", title="top-1 (%)").scale(zero=False)
    baseline = variant_name(plain) if plain is not None else "no baseline"
    figure_rows = FigureRows()
    base = alt.Chart(figure_rows.named(rows)).encode(x=x)
    marks = [
        base.mark_area(opacity=0.25, color=BLUE).encode(y=alt.Y("low:Q", title="top-1 (%)"), y2=alt.Y2("high:Q")),
        base.mark_line(color=BLUE, point=True).encode(y=y, tooltip=tooltips(*SHOWN)),
        _rule(figure_rows.named(list(MARKED)), ORANGE, x=x),
    ]
    if plain is not None:
        marks.append(_rule(figure_rows.named([{"top1": 100 * plain.absolute.point, "what": baseline}]), INK, y=y))
    chart = alt.layer(*marks).properties(width=WIDTH, height=280)
    title = (
        f"{network}: top-1 by λ, mean and 95 % band over seeds; dashed: {baseline}, and the authors' λ "
        "(1e-4 by default, 0.1 for ImageNet)"
    )
    return figure(chart, figure_rows, f"lambda-{number}", title)


def _rule(rows: alt.NamedData, colour: str, **encoding: Any) -> Any:
    return alt.Chart(rows).mark_rule(color=colour, strokeDash=[5, 4]).encode(**encoding, tooltip=tooltips("what:N"))
