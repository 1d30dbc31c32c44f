"""Verdicts formatted for a terminal, Markdown, JSON and GitHub Actions."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from bench.report.names import CONDITIONS, condition_name, network_name, placed_name
from bench.report.numbers import change, difference, escape_markdown, format_quantity, interval, percent
from bench.results.shifts import MOST_PROCESSES
from bench.results.statistics import Estimate
from bench.results.values import ACCURACIES
from bench.results.verdicts import ORDER, OnInconclusive, Verdict

if TYPE_CHECKING:
    from rich.table import Table

VERDICT_HEADINGS = (
    "verdict",
    "network",
    "module",
    "conditions",
    "value",
    "before",
    "after",
    "change [95 % CI]",
    "note",
)
_CONSTANT_HEADINGS = ("network", "module", "conditions", "value", "note")
"""The columns that are left out if they have the same text in all rows."""
MOST_UNCHANGED = 10
"""Maximum number of unchanged values that a terminal lists."""
MOST_ALIKE = 3
"""Maximum number of rows that differ in cell and value alone; more become one row."""
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
    """The verdicts as a table for a console of rich. Many unchanged values are left to the summary."""
    from rich.table import Table
    from rich.text import Text

    unchanged = [verdict for verdict in verdicts if verdict.kind == "unchanged"]
    listed = [verdict for verdict in verdicts if verdict.kind != "unchanged" or len(unchanged) <= MOST_UNCHANGED]
    caption, headings, rows = verdict_rows(listed)
    table = Table(*headings, box=None, pad_edge=False, caption=caption or None, caption_justify="left")
    for kind, *cells in rows:
        table.add_row(Text(kind, _STYLES.get(kind, "")), *map(Text, cells))
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

    caption, headings, rows = verdict_rows(verdicts)
    escaped = [list(map(escape_markdown, row)) for row in rows]
    table = tabulate(escaped, headers=headings, tablefmt="github", disable_numparse=True)
    return f"{table}\n\n{escape_markdown(caption)}" if caption else table


def verdict_rows(verdicts: Sequence[Verdict]) -> tuple[str, list[str], list[list[str]]]:
    """A sentence on what all rows share, the headings of the other columns, and the rows."""
    conditions = _varying_conditions(verdicts)
    rows = [_cells(verdict, conditions) for verdict in verdicts]
    rows = [row for alike in _alike(rows).values() for row in _merged(alike)]
    constant = {
        place
        for place, heading in enumerate(VERDICT_HEADINGS)
        if heading in _CONSTANT_HEADINGS and len({row[place] for row in rows}) == 1
    }
    kept = [place for place in range(len(VERDICT_HEADINGS)) if place not in constant]
    shared = [rows[0][place] for place in sorted(constant) if rows[0][place]]
    caption = f"All rows: {'; '.join(shared)}." if shared else ""
    return caption, [VERDICT_HEADINGS[place] for place in kept], [[row[place] for place in kept] for row in rows]


def _varying_conditions(verdicts: Sequence[Verdict]) -> list[str]:
    """The axes of conditions that differ between cells that have them."""
    labels: dict[str, set[object]] = {}
    for verdict in verdicts:
        for axis in CONDITIONS:
            if (label := verdict.axes.get(axis)) is not None:
                labels.setdefault(axis, set()).add(label)
    return [axis for axis in CONDITIONS if len(labels.get(axis, ())) > 1]


def _alike(rows: Sequence[list[str]]) -> dict[tuple[str, ...], list[list[str]]]:
    """The rows by everything except network, module, conditions and value; rows with a change are never alike."""
    alike: dict[tuple[str, ...], list[list[str]]] = {}
    for number, row in enumerate(rows):
        kind, *_, before, after, changed, remark = row
        key = (kind, remark) if not (before and after) and not changed else (str(number),)
        alike.setdefault(key, []).append(row)
    return alike


def _merged(rows: list[list[str]]) -> list[list[str]]:
    """Many rows of cells that were measured on one side or on none become one row."""
    if len(rows) <= MOST_ALIKE:
        return rows
    cells = len({tuple(row[1:4]) for row in rows})
    networks = list(dict.fromkeys(row[1] for row in rows))
    network = networks[0] if len(networks) == 1 else f"{len(networks)} networks"
    values = list(dict.fromkeys(row[4] for row in rows))
    return [[rows[0][0], network, f"{cells} cells", "", f"{len(values)} values", "", "", "", rows[0][-1]]]


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
            kind, *_, changed, remark = _cells(verdict)
            title = _escaped(f"{kind}: {verdict.value} of {verdict.cell}").replace(":", "%3A").replace(",", "%2C")
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


def _cells(verdict: Verdict, conditions: Sequence[str] = CONDITIONS) -> list[str]:
    """The texts of a row.

    Args:
        verdict: the verdict.
        conditions: the axes that the column of conditions names.
    """
    axes = verdict.axes
    named = [condition_name(axis, axes[axis]) for axis in conditions if axes.get(axis) is not None]
    return [
        verdict.kind,
        network_name(axes["backbone"]) if axes.get("backbone") else "",
        placed_name(axes["attention"], axes["placement"]) if axes.get("attention") else verdict.cell,
        ", ".join(named),
        verdict.value,
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
    if base is not None and new is not None and verdict.new_seconds is not None:
        return percent(Estimate(new.point / base.point, None, None, "too few processes"))
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
