"""The report of one or several runs as Markdown."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench.report import accuracy, summary, table, work
from bench.report.format import escape, quantity
from bench.report.names import network_name
from bench.report.overview import conflicts, overview
from bench.report.published import published_table
from bench.results.estimates import Comparison, estimate


@dataclass(frozen=True)
class Run:
    """What a report says about where its numbers come from.

    Args:
        path: the run's folder.
        title: of its suite.
        suite: the suite as resolved, YAML.
        threshold: at which the A/A control is judged.
        environments: id → ``facts`` and ``state`` of each environment that it was measured in, the first first.
    """

    path: Path
    title: str
    suite: str
    threshold: float
    environments: Mapping[str, Any]


def render(frame: pd.DataFrame, runs: list[Run]) -> str:
    """The whole page.

    Args:
        frame: the runs' records, from :func:`bench.results.frame.load_frame`.
        runs: the same runs.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    every = estimate(frame)
    # The machine and what modules bring have places of their own.
    comparisons = [each for each in every if each.measure not in ("machine", "accuracy")]
    # A module is held against the machine of its own run.
    machines = {run: roofs for run, rows in frame.groupby("run", sort=False) if (roofs := work.roofs(rows))}
    thresholds = {str(run.path): run.threshold for run in runs}
    networks: dict[str, list[table.Row]] = {}
    for row in table.rows(comparisons):
        networks.setdefault(_network(row.run, row.axes, runs), []).append(row)
    added: dict[str, tuple[str, list[str]]] = {}
    for group in _complexity(comparisons):
        name = _network(group[0].run, group[0].axes, runs)
        if name not in added:  # the other conditions of a network go the same way
            added[name] = (
                summary.conditions(group[0], group[0]),
                list(work.sentences(group, machines.get(group[0].run))),
            )
    environment = Environment(
        loader=PackageLoader("bench.report"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["md"] = escape
    return environment.get_template("report.md.j2").render(
        title=runs[0].title or runs[0].path.resolve().name,
        runs=runs,
        sentences=list(summary.sentences(comparisons, thresholds)),
        overview=overview(every),
        conflicts=list(conflicts(every)),
        accuracies=accuracy.sections(every),
        controls=list(summary.controls(comparisons, thresholds)),
        tables=[(name, *map(table.table, table.folded(rows)), added.get(name)) for name, rows in networks.items()],
        published=published_table(comparisons),
        machines=machines,
        uncounted=work.uncounted(comparisons),
        timing=_timing(frame),
        trouble=_trouble(frame),
        quantity=quantity,
        fence=_fence,
    )


def _network(run: str, axes: Mapping[str, Any], runs: list[Run]) -> str:
    """The heading that something is told under."""
    return f"{network_name(axes['backbone'])}{f', {escape(run)}' if len(runs) > 1 else ''}"


def _complexity(comparisons: list[Comparison]) -> list[list[Comparison]]:
    """What the measure of that name says, group by group."""
    groups: dict[tuple[str, str], list[Comparison]] = {}
    for each in comparisons:
        if each.measure == "complexity":
            groups.setdefault((each.run, each.group), []).append(each)
    return list(groups.values())


def _fence(text: str) -> str:
    """Backticks around a block that no line of it can end."""
    return "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))


def _timing(frame: pd.DataFrame) -> str | None:
    """How the timed values were sampled, in a sentence."""
    timed = frame[(frame["measure"] == "latency") & (frame["value"] == "latency")]
    if timed.empty:
        return None
    rounds = [details["rounds"] for details in timed["details"]]
    stopped = timed["details"].map(lambda details: details["stopped_by"])
    return (
        f"{timed['repeat'].nunique()} fresh processes a group, {min(rounds)} to {max(rounds)} rounds in each; "
        f"sampling ended at its target in {int((stopped == 'target').sum())} of {len(stopped)} records "
        f"and at its budget in the others."
    )


def _trouble(frame: pd.DataFrame) -> list[dict[str, Any]]:
    wrong = frame[(frame["status"] != "ok") | frame["reason"].notna()]
    return [
        {"cell": row.cell, "measure": row.measure, "repeat": row.repeat, "status": row.status, "reason": row.reason}
        for row in wrong.itertuples()
    ]
