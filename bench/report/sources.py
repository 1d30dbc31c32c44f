"""Which records something was made from, and what keeps several runs from standing beside each other unremarked."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.results.estimates import Comparison

DEFAULT_THRESHOLD = 0.01
"""Of a ratio, where the suite gates none."""


@dataclass(frozen=True)
class Run:
    """What a report says about where its numbers come from.

    Args:
        path: the run's folder.
        title: of its suite.
        suite: the suite as resolved, YAML.
        gate: gated value → its threshold, None for an exact one.
        environments: id → ``facts`` and ``state`` of each environment that it was measured in, the first first.
        left: how many units of work of how many were not measured; None where that cannot be told.
    """

    path: Path
    title: str
    suite: str
    gate: Mapping[str, float | None]
    environments: Mapping[str, Any]
    left: tuple[int, int] | None = None

    def threshold(self, value: str) -> float:
        """At which the A/A control of a time is judged, as a fraction: what the suite gates its ratio by."""
        return self.gate.get(f"{value}_ratio") or self.gate.get(value) or DEFAULT_THRESHOLD

    @property
    def facts(self) -> Mapping[str, Any]:
        """Of the first environment."""
        first: Mapping[str, Any] = next(iter(self.environments.values()))["facts"]
        return first


def records_of(comparisons: Iterable[Comparison]) -> str:
    """Such as "24 of complexity, 60 of latency in a; 15 of accuracy in b", runs by the names of their folders."""
    seen: dict[str, dict[str, dict[tuple[str, str, str], int]]] = {}
    for each in comparisons:
        members = seen.setdefault(each.run, {}).setdefault(each.measure, {})
        members[each.group, each.cell, each.role] = each.repeats
    return "; ".join(f"{_counted(measures)} in {Path(run).name}" for run, measures in seen.items())


def _counted(measures: Mapping[str, Mapping[Any, int]]) -> str:
    return ", ".join(f"{sum(members.values())} of {measure}" for measure, members in measures.items())


_TELLING = ("device", "cpu", "gpu", "threads")


def caveats(runs: Sequence[Run]) -> Iterator[str]:
    """A sentence for each run that was not measured as a reader would take for granted."""
    for run in runs:
        for each in run.environments.values():
            if each["facts"].get("dirty"):
                yield f"{run.path} was measured with changes that were not committed"
        if run.left and run.left[0]:
            yield (
                f"{run.left[0]} of {run.left[1]} units of work of {run.path} were not measured; run --resume goes on "
                "with them"
            )
        machines = list(dict.fromkeys(_machine(each["facts"]) for each in run.environments.values()))
        if len(machines) > 1:
            yield f"{run.path} was measured on {len(machines)} machines: {'; '.join(machines)}"
        if run is not runs[0] and machines[0] != (first := _machine(runs[0].facts)):
            yield (
                f"{run.path} was measured on another machine than {runs[0].path} ({machines[0]}, not {first}): only "
                "ratios to the baseline of the same run can stand beside each other"
            )


def _machine(facts: Mapping[str, Any]) -> str:
    told = [f"{key} {facts[key]}" for key in _TELLING if facts.get(key) is not None]
    return ", ".join([*told, f"torch {facts.get('packages', {}).get('torch')}"])
