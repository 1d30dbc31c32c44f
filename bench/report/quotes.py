"""Numbers on hand-written pages, which are filled in from the results tables of committed reports.

A page marks a number, or a table, with a pair of HTML comments::

    <!-- quote reports/latency backbone=resnet18 attention=simam value=latency as=percent -->+3.8 %<!-- /quote -->

The first word is the folder of a report that holds ``report.parquet``. The conditions select rows by their columns; the
role is ``variant`` by default. ``as`` is ``percent`` (ratio to the baseline as a change), ``points``
(difference in percentage points), ``times`` (ratio), or ``table``, which has a row for each module and takes
``columns=params,latency``. ``python -m bench.report.quotes README.md`` fills in the marks of a page again;
``--check`` only reports pages that would change.
"""

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bench.report.formats.tables import RANGE_COLUMNS
from bench.report.names import module_name
from bench.report.numbers import difference, interval, percent, ratio
from bench.results.estimates import RANGE
from bench.results.statistics import Estimate
from bench.results.values import value_spec

PAGES = ("README.md", "reports/README.md")
_MARK = re.compile(r"(<!-- quote (\S+) ([^>]*?) -->)(.*?)(<!-- /quote -->)", re.DOTALL)


class QuoteError(ValueError):
    """A mark that does not select exactly one number or table."""


def fill(text: str, root: Path) -> str:
    """Fill in every mark of a page again.

    Args:
        text: the page, as Markdown.
        root: the folder to which the report folders in the marks are relative.

    Raises:
        QuoteError: a mark selects no row or several, or has an unknown form.
    """

    def replaced(match: re.Match[str]) -> str:
        start, report, conditions, _, end = match.groups()
        return f"{start}{_quoted(root / report / 'report.parquet', conditions)}{end}"

    return _MARK.sub(replaced, text)


def _quoted(path: Path, text: str) -> str:
    conditions = {"role": "variant", **dict(part.split("=", 1) for part in text.split())}
    form = conditions.pop("as", "percent")
    columns = conditions.pop("columns", "").split(",")
    frame = pd.read_parquet(path)
    if form == "table":
        return f"\n\n{_table(frame, conditions, columns)}\n\n"
    rows = _select(frame, conditions)
    if len(rows) != 1:
        raise QuoteError(f"{text}: selects {len(rows)} rows of {path}, not one")
    row = rows.iloc[0].to_dict()
    if form == "percent":
        return percent(_change(row))
    if form == "times":
        return ratio(_estimate(row, "ratio_"))
    if form == "points":
        points = _estimate(row, "difference_", 100)
        return f"{points.point:+.2f} {interval(points.low, points.high, 2)}".replace("-", "−")
    raise QuoteError(f"{text}: as={form} is none of percent, points, times and table")


def _select(frame: pd.DataFrame, conditions: Mapping[str, str]) -> pd.DataFrame:
    for column, value in conditions.items():
        if column not in frame:
            raise QuoteError(f"{column}={value}: the results table has no column {column}")
        frame = frame[frame[column].astype(str) == value]
    return frame


def _estimate(row: Mapping[Any, Any], prefix: str, scale: float = 1.0) -> Estimate:
    point, low, high = (row[f"{prefix}{bound}"] for bound in ("point", "low", "high"))
    low_bound, high_bound = (None if pd.isna(bound) else scale * float(bound) for bound in (low, high))
    return Estimate(scale * float(point), low_bound, high_bound, "exact" if point == low == high else "stored")


def _table(frame: pd.DataFrame, conditions: Mapping[str, str], columns: Sequence[str]) -> str:
    """A row for each module, a column for each value, as a Markdown table."""
    from tabulate import tabulate

    modules: dict[str, dict[str, str]] = {}
    for value in columns:
        for row in _select(frame, {**conditions, "value": value}).to_dict("records"):
            modules.setdefault(module_name(row["attention"]), {})[value] = _cell(row, value)
    headings = ["module", *map(_heading, columns)]
    rows = [[module, *(cells.get(value, "–") for value in columns)] for module, cells in modules.items()]
    return tabulate(rows, headers=headings, tablefmt="github", disable_numparse=True)


def _heading(value: str) -> str:
    spec = value_spec(value)
    suffix = {"time": "Δ % [95 % CI]", "ratio": "×", "difference": "Δ"}.get(spec.shown, "")
    return f"{spec.title} {suffix}".strip()


def _cell(row: Mapping[Any, Any], value: str) -> str:
    if value_spec(value, row["unit"]).shown == "difference":
        point = row["difference_point"]
        exact = Estimate(int(point), int(point), int(point), "exact")
        return difference(exact)
    estimate = _change(row)
    return ratio(estimate) if estimate.method == "exact" else percent(estimate)


def _change(row: Mapping[Any, Any]) -> Estimate:
    """The ratio as reports show it: with the range over processes if these disagree."""
    estimate = _estimate(row, "ratio_")
    low, high = (row.get(column) for column in RANGE_COLUMNS)
    if low is None or high is None or pd.isna(low):
        return estimate
    return Estimate(estimate.point, float(low), float(high), RANGE)


def main() -> None:
    """Fill in, or check, the marks of pages."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.report.quotes", description="Fill in quoted numbers from committed reports."
    )
    parser.add_argument("pages", nargs="*", type=Path, default=[Path(page) for page in PAGES], help="Markdown pages")
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if a page would change")
    given = parser.parse_args()
    stale = []
    for page in given.pages:
        text = page.read_text(encoding="utf-8")
        filled = fill(text, Path.cwd())
        if filled != text:
            stale.append(str(page))
            if not given.check:
                page.write_text(filled, encoding="utf-8")
    print("\n".join(f"{'stale' if given.check else 'filled'}: {page}" for page in stale) or "all quotes are current")
    sys.exit(bool(stale) and given.check)


if __name__ == "__main__":
    main()
