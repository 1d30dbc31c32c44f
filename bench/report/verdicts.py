"""Verdicts for a terminal, a page, a program and a job on GitHub."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from bench.report.format import difference, escape, interval, percent, quantity
from bench.results.compare import ORDER
from bench.results.points import ACCURACIES
from bench.results.sides import Verdict
from bench.results.statistics import Estimate

if TYPE_CHECKING:
    from rich.table import Table

HEADINGS = ("verdict", "value", "cell", "before", "after", "change [95 %]", "note")
FOOTNOTE = (
    "Worst first. Intervals are unadjusted 95 %. A time regressed where its Holm-adjusted p, that it grew by no more "
    "than the threshold, is below 0.05, an accuracy likewise where it fell, seed by seed; what is exact, where it grew "
    "at all (an accuracy: where any seed lost an image), or by more than a threshold that it has."
)
_STYLES = {
    "regressed": "bold red",
    "failed": "red",
    "incomparable": "yellow",
    "inconclusive": "yellow",
    "improved": "green",
}
_LEVELS = {"regressed": "error", "failed": "error", "incomparable": "warning", "inconclusive": "warning"}


def summary(verdicts: Sequence[Verdict]) -> str:
    """Such as "1 regressed, 3 inconclusive, 12 unchanged"."""
    counts = Counter(verdict.kind for verdict in verdicts)
    return ", ".join(f"{counts[kind]} {kind}" for kind in ORDER if counts[kind]) or "nothing is gated"


def terminal(verdicts: Sequence[Verdict]) -> "Table":
    """A table for rich's console."""
    from rich.table import Table
    from rich.text import Text

    table = Table(*HEADINGS, box=None, pad_edge=False)
    for verdict in verdicts:
        kind, *cells = _cells(verdict)
        table.add_row(Text(kind, _STYLES.get(kind, "")), *(Text(cell) for cell in cells))
    return table


def markdown(verdicts: Sequence[Verdict]) -> str:
    """A summary, a table, what did not change folded away, and what the columns mean."""
    told = [verdict for verdict in verdicts if verdict.kind != "unchanged"]
    quiet = [verdict for verdict in verdicts if verdict.kind == "unchanged"]
    parts = [f"**{summary(verdicts)}**"]
    if told:
        parts.append(_table(told))
    if quiet:
        parts.append(f"<details><summary>unchanged: {len(quiet)}</summary>\n\n{_table(quiet)}\n\n</details>")
    return "\n\n".join([*parts, FOOTNOTE]) + "\n"


def _table(verdicts: Sequence[Verdict]) -> str:
    from tabulate import tabulate

    rows = [[escape(cell) for cell in _cells(verdict)] for verdict in verdicts]
    return tabulate(rows, headers=HEADINGS, tablefmt="github", disable_numparse=True)


def as_json(verdicts: Sequence[Verdict], exit_code: int) -> str:
    """Everything, in SI units and full precision."""
    told = {"exit_code": exit_code, "verdicts": [asdict(verdict) for verdict in verdicts]}
    return json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False)


def annotations(verdicts: Sequence[Verdict]) -> str:
    """Workflow commands, one a line, for what regressed, failed or stays open.

    In them %, line ends and, in a property, colons and commas have to be escaped (GitHub Docs, *Workflow commands for
    GitHub Actions*).
    """
    lines = []
    for verdict in verdicts:
        if verdict.kind in _LEVELS:
            kind, value, cell, *_, change, note = _cells(verdict)
            title = _escaped(f"{kind}: {value} of {cell}").replace(":", "%3A").replace(",", "%2C")
            message = _escaped("; ".join(part for part in (change, note) if part) or kind)
            lines.append(f"::{_LEVELS[kind]} title={title}::{message}\n")
    return "".join(lines)


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def note(verdict: Verdict) -> str:
    """What is wrong, and what would settle it."""
    parts = [verdict.reason or ""]
    if verdict.control is not None:
        parts[0] += f": {percent(verdict.control)}"
    if verdict.kind == "inconclusive":
        parts.append(_remedy(verdict))
    return "; ".join(part for part in parts if part)


def _remedy(verdict: Verdict) -> str:
    if verdict.repeats and verdict.seconds:
        settings = f"measures.{verdict.measure}: {{repeats: {verdict.repeats}, budget: {verdict.seconds:.0f}s}}"
        if verdict.control is not None:
            return f"whether that is the machine or chance would be seen with {settings}"
        return f"would be settled, if things stay as seen, by {settings}"
    if verdict.control is not None:
        return "longer measuring would not settle it; see what python -m bench doctor says of this machine"
    if verdict.change is not None and verdict.reason is None:
        return "too near the threshold, or too noisy, for any sensible number of repeats to settle it"
    return ""


def _cells(verdict: Verdict) -> list[str]:
    return [
        verdict.kind,
        verdict.value,
        verdict.cell,
        _figure(verdict.base, verdict),
        _figure(verdict.new, verdict),
        _change(verdict),
        note(verdict),
    ]


def _change(verdict: Verdict) -> str:
    change, base, new = verdict.change, verdict.base, verdict.new
    if change is not None and verdict.value in ACCURACIES:
        points = f"{100 * change.point:+.2f} points"
        if change.method != "exact" and change.low is not None and change.high is not None:
            points += f" {interval(100 * change.low, 100 * change.high, 2)}"
        return points.replace("-", "−")
    if change is not None and change.method != "exact":
        return percent(change)
    if base is not None and new is not None:
        return difference(Estimate(new.point - base.point, None, None, "exact"))
    return ""


def _figure(estimate: Estimate | None, verdict: Verdict) -> str:
    if estimate is None:
        return ""
    if verdict.value in ACCURACIES:
        return f"{100 * estimate.point:.2f} %"
    if verdict.value.endswith("_ratio"):
        return f"×{estimate.point:.3f} {interval(estimate.low, estimate.high, 3)}"
    return f"{estimate.point:,}" if isinstance(estimate.point, int) else quantity(estimate.point, verdict.unit)
