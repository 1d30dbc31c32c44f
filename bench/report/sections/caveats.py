"""Caveats: unusual circumstances of runs, and values that several runs contain."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from bench.report.blocks import Block, BulletList, Paragraph
from bench.report.data import ReportData
from bench.report.sections.glance import shown_comparisons
from bench.results.estimates import Comparison
from bench.store.stored_run import StoredRun

_MACHINE = ("device", "cpu", "gpu", "threads")
"""The facts that identify a machine."""


def caveats(data: ReportData) -> Iterator[Block]:
    """The caveats as a list, if there are any."""
    shown = {column.value for column, _ in shown_comparisons(data.comparisons)}
    items = [*run_caveats(data.runs), *conflicts(data.comparisons, shown)]
    if items:
        yield Paragraph("Caveats:")
        yield BulletList([f"{item}." for item in items])


def run_caveats(runs: Sequence[StoredRun]) -> Iterator[str]:
    """A sentence for each run that has uncommitted changes, is incomplete, or was measured on several machines."""
    measured = [run for run in runs if not run.imported]
    for run in runs:
        if run.imported:
            yield f"{run.name} was imported from {run.imported}; its training was not observed"
    for run in measured:
        for environment in run.environments.values():
            if environment.facts.get("dirty"):
                yield f"{run.name} was measured with uncommitted changes"
        if run.missing and run.missing[0]:
            units, total = run.missing
            yield f"{len(units)} of {total} units of work of {run.name} are not measured; run --resume measures them"
        machines = list(dict.fromkeys(_machine(environment.facts) for environment in run.environments.values()))
        if len(machines) > 1:
            yield f"{run.name} was measured on {len(machines)} machines: {'; '.join(machines)}"
        if run is not (first := measured[0]) and machines[0] != _machine(first.facts):
            yield (
                f"{run.name} and {first.name} were measured on different machines ({machines[0]}; "
                f"{_machine(first.facts)}): compare only changes relative to the baseline of the same run"
            )


def _machine(facts: Mapping[str, Any]) -> str:
    identity = [f"{key} {facts[key]}" for key in _MACHINE if facts.get(key) is not None]
    return ", ".join([*identity, f"torch {facts.get('packages', {}).get('torch')}"])


def conflicts(comparisons: Iterable[Comparison], shown: Collection[str]) -> Iterator[str]:
    """A sentence for each type of value that two runs measured. Exact values are reported only if they differ.

    The limits of machines are reported for each run, so they cannot conflict.

    Args:
        comparisons: the comparisons of several runs.
        shown: the values in the table at a glance, which shows those of the first run.
    """
    first_by_key: dict[tuple[str, str, str, str], Comparison] = {}
    kinds: dict[tuple[str, str, str, bool], list[tuple[Comparison, Comparison]]] = {}
    for comparison in comparisons:
        if comparison.role == "control" or comparison.measure == "machine":
            continue
        key = comparison.measure, comparison.cell, comparison.role, comparison.value
        first = first_by_key.setdefault(key, comparison)
        exact = first.absolute.method == "exact"
        if first.run != comparison.run and not (exact and first.absolute == comparison.absolute):
            kinds.setdefault((comparison.value, first.run, comparison.run, exact), []).append((first, comparison))
    for (value, first_run, second_run, exact), pairs in kinds.items():
        cell = pairs[0][0].cell
        remark = f"; {len(pairs) - 1} more such values" if len(pairs) > 1 else ""
        if value in shown:
            remark += "; the table at a glance shows the value of the first run"
        if exact:
            one, other = (f"{member.absolute.point:,} in {member.run}" for member in pairs[0])
            yield f"{value} of {cell} differs: {one}, and {other}{remark}"
        else:
            yield f"{value} of {cell} was measured in {first_run} and in {second_run}{remark}"
