"""Accuracy gain by λ, with the confidence intervals over seeds and the authors' values of λ."""

from collections.abc import Iterator
from typing import Any

import altair as alt

from bench.report.blocks import Figure
from bench.report.data import ReportData
from bench.report.figures.theme import BLUE, INK, ORANGE, VERMILION, WIDTH, FigureRows, figure, tooltips
from bench.report.names import network_name, variant_name
from bench.results.estimates import Comparison
from bench.results.statistics import interval_of_differences

DEFAULT = 1e-4
"""Default λ of the authors' module and of ours."""
MARKED = ({"λ": DEFAULT, "line": "λ: the authors' default"}, {"λ": 0.1, "line": "λ: published for ImageNet"})
"""The λ of the authors' commands for ImageNet and COCO; the λ of their CIFAR runs is not published."""
CURVE = "Δ top-1, mean and 95 % interval over seeds"
SHOWN = ("λ:Q", "points:Q", "low:Q", "high:Q", "top1:Q", "seeds:Q")
"""Fields of a tooltip."""
LEAST = 3
"""Minimum number of values of λ for a curve."""


def lambdas(data: ReportData) -> Iterator[Figure]:
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
            is_simam = str(comparison.axes["attention"]).partition("(")[0] == "simam" and comparison.differences
            if is_simam and isinstance(e_lambda, int | float) and e_lambda > 0:
                row = _row(comparison, e_lambda)
                curves.setdefault((comparison.axes["placement"], str(module_options)), []).append(row)
        plain = next((comparison for comparison in group if comparison.role == "baseline"), None)
        for (place, _), rows in curves.items():
            if len({row["λ"] for row in rows}) >= LEAST:
                number += 1
                network = network_name(group[0].axes["backbone"])
                yield _draw(number, rows, plain, f"{network} with SimAM{f' at {place}' if place else ''}")


def _row(comparison: Comparison, e_lambda: float) -> dict[str, Any]:
    mean, low, high = interval_of_differences([100 * difference for difference in comparison.differences])
    bounds = {name: round(bound, 4) for name, bound in (("low", low), ("high", high)) if bound is not None}
    top1 = round(100 * comparison.absolute.point, 4)
    return {"λ": e_lambda, "points": round(mean, 4), **bounds, "top1": top1, "seeds": comparison.repeats}


def _draw(number: int, rows: list[dict[str, Any]], plain: Comparison | None, network: str) -> Figure:
    x = alt.X("λ:Q", title="λ").scale(type="log").axis(format="~e")
    y = alt.Y("points:Q", title="Δ top-1 (pp)").scale(zero=True)
    baseline = [{"points": 0.0, "line": variant_name(plain)}] if plain else []
    lines = [CURVE, *(str(marked["line"]) for marked in (*MARKED, *baseline))]
    colour = alt.Color("line:N", title=None).scale(domain=lines, range=[BLUE, ORANGE, VERMILION, INK])
    figure_rows = FigureRows()
    base = alt.Chart(figure_rows.named([{**row, "line": CURVE} for row in rows])).encode(x=x, color=colour)
    interval = base.mark_rule().encode(y=alt.Y("low:Q", title="Δ top-1 (pp)"), y2=alt.Y2("high:Q"))
    curve = base.mark_line(point=True).encode(y=y, tooltip=tooltips(*SHOWN))
    marks = [_rule(figure_rows.named(list(MARKED)), colour, x=x)]
    if baseline:
        marks.append(_rule(figure_rows.named(baseline), colour, y=y))
    chart = alt.layer(*marks, interval, curve).properties(width=WIDTH, height=280)
    return figure(chart, figure_rows, f"lambda-{number}", f"{network}: change of top-1 by λ, paired by seed")


def _rule(rows: alt.NamedData, colour: Any, **encoding: Any) -> Any:
    return alt.Chart(rows).mark_rule(strokeDash=[5, 4]).encode(**encoding, color=colour, tooltip=tooltips("line:N"))
