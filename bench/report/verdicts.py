"""Verdicts formatted for a terminal, Markdown, JSON and GitHub Actions."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from bench.report.numbers import change, difference, escape_markdown, format_quantity, interval, percent
from bench.results.shifts import MOST_PROCESSES
from bench.results.statistics import Estimate
from bench.results.values import ACCURACIES
from bench.results.verdicts import ORDER, OnInconclusive, Verdict

if TYPE_CHECKING:
    from rich.table import Table

VERDICT_HEADINGS = ("verdict", "value", "cell", "before", "after", "change [95 % CI]", "note")
FOOTNOTE = (
    "The worst verdicts come first. Brackets are 95 % confidence intervals, not adjusted for multiple comparisons. "
    "Percentages beside a time are its change relative to the baseline of the same side; the change column compares "
    "these ratios, or the times themselves for two revisions measured together. A time is regressed if the null "
    "hypothesis “it increased by at most the threshold” has a Holm-adjusted p-value below 0.05; accuracies are tested "
    "in the same way for a decrease, over seeds. An exact count is regressed by any increase or, "
    "if the gate sets a threshold for it, by an increase beyond the threshold. An exactly gated accuracy is regressed "
    "if any seed classifies fewer images correctly."
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
    """The number of verdicts of each kind, and the smallest slowdown that the times could have shown.

    "1 regressed, 3 inconclusive, 12 unchanged. Slowdowns of 1.9 % would have been detected (80 % power)."
    """
    counts = Counter(verdict.kind for verdict in verdicts)
    listed = ", ".join(f"{counts[kind]} {kind}" for kind in ORDER if counts[kind]) or "nothing is gated"
    detectable = [100 * verdict.detectable for verdict in verdicts if verdict.detectable is not None]
    if not detectable:
        return listed
    span = " to ".join(dict.fromkeys(f"{bound:.2g}" for bound in (min(detectable), max(detectable))))
    depends = ", depending on the cell" if " to " in span else ""
    return f"{listed}. Slowdowns of {span} % would have been detected (80 % power{depends})."


def terminal(verdicts: Sequence[Verdict]) -> "Table":
    """The verdicts as a table for a console of rich."""
    from rich.table import Table
    from rich.text import Text

    table = Table(*VERDICT_HEADINGS, box=None, pad_edge=False)
    for verdict in verdicts:
        kind, *cells = _cells(verdict)
        table.add_row(Text(kind, _STYLES.get(kind, "")), *(Text(cell) for cell in cells))
    return table


def verdicts_markdown(verdicts: Sequence[Verdict]) -> str:
    """The verdicts as Markdown: a summary, a table, the unchanged ones collapsed, and how to read the columns."""
    unchanged = [verdict for verdict in verdicts if verdict.kind == "unchanged"]
    others = [verdict for verdict in verdicts if verdict.kind != "unchanged"]
    parts = [f"**{summary(verdicts)}**"]
    if others:
        parts.append(_table(others))
    if unchanged:
        parts.append(f"<details><summary>unchanged: {len(unchanged)}</summary>\n\n{_table(unchanged)}\n\n</details>")
    return "\n\n".join([*parts, FOOTNOTE]) + "\n"


def _table(verdicts: Sequence[Verdict]) -> str:
    from tabulate import tabulate

    rows = [[escape_markdown(cell) for cell in _cells(verdict)] for verdict in verdicts]
    return tabulate(rows, headers=VERDICT_HEADINGS, tablefmt="github", disable_numparse=True)


def as_json(verdicts: Sequence[Verdict], exit_code: int) -> str:
    """The verdicts and the exit code as JSON, in SI units and full precision."""
    document = {"exit_code": exit_code, "verdicts": [asdict(verdict) for verdict in verdicts]}
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)


def annotations(verdicts: Sequence[Verdict], on_inconclusive: OnInconclusive) -> str:
    """One workflow command per line for each verdict that needs attention; inconclusive ones unless they may pass.

    In workflow commands %, line ends and, in properties, colons and commas are escaped (GitHub Docs, *Workflow commands
    for GitHub Actions*).
    """
    lines = []
    for verdict in verdicts:
        if verdict.kind in _LEVELS and not (verdict.kind == "inconclusive" and on_inconclusive == "pass"):
            kind, value, cell, *_, changed, remark = _cells(verdict)
            title = _escaped(f"{kind}: {value} of {cell}").replace(":", "%3A").replace(",", "%2C")
            message = _escaped("; ".join(part for part in (changed, remark) if part) or kind)
            lines.append(f"::{_LEVELS[kind]} title={title}::{message}\n")
    return "".join(lines)


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def note(verdict: Verdict) -> str:
    """The reason of a verdict, and the settings that would resolve an inconclusive one."""
    reason = verdict.reason or ""
    if verdict.evidence is not None:
        reason += f": {percent(verdict.evidence)}"
    remedy = _remedy(verdict) if verdict.kind == "inconclusive" else ""
    return "; ".join(part for part in (reason, remedy) if part)


def _remedy(verdict: Verdict) -> str:
    if verdict.repeats and verdict.seconds:
        settings = f"measures.{verdict.measure}: {{repeats: {verdict.repeats}, budget: {verdict.seconds:.0f}s}}"
        return f"{settings} would give a verdict with 80 % power, at the observed change and spread"
    if verdict.evidence is not None:
        return "check this machine with `simam-bench doctor`"
    if verdict.change is not None and verdict.reason is None:
        return f"too close to the threshold, or too noisy, for a verdict from {MOST_PROCESSES} processes"
    return ""


def _cells(verdict: Verdict) -> list[str]:
    return [
        verdict.kind,
        verdict.value,
        verdict.cell,
        _value(verdict.base, verdict.base_seconds, verdict),
        _value(verdict.new, verdict.new_seconds, verdict),
        _change(verdict),
        note(verdict),
    ]


def _change(verdict: Verdict) -> str:
    changed, base, new = verdict.change, verdict.base, verdict.new
    if changed is not None and verdict.value in ACCURACIES:
        points = f"{100 * changed.point:+.2f} pp"
        if changed.method != "exact" and changed.low is not None and changed.high is not None:
            points += f" {interval(100 * changed.low, 100 * changed.high, 2)}"
        return points.replace("-", "−")
    if changed is not None and changed.method != "exact":
        return percent(changed)
    if base is not None and new is not None:
        return difference(Estimate(new.point - base.point, None, None, "exact"))
    return ""


def _value(estimate: Estimate | None, seconds: Estimate | None, verdict: Verdict) -> str:
    """The value of one side; for a time, "12.31 ms (+6.1 %)" with its change relative to the baseline."""
    if seconds is not None:
        relative = f" ({change(estimate.point):+.1f} %)".replace("-", "−") if estimate else ""
        return format_quantity(seconds.point, "s") + relative
    if estimate is None:
        return ""
    if verdict.value in ACCURACIES:
        return f"{100 * estimate.point:.2f} %"
    return f"{estimate.point:,}" if isinstance(estimate.point, int) else format_quantity(estimate.point, verdict.unit)
