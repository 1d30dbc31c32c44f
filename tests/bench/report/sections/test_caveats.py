"""Caveats of runs: uncommitted changes, different machines, missing records, conflicting values."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.report.sections.caveats import conflicts, run_caveats
from bench.results.estimates import Comparison
from bench.results.statistics import Estimate
from bench.store.environment import Environment
from bench.store.stored_run import StoredRun
from tests.bench.comparisons import comparison, exact, latency
from tests.factories import FACTS, stored_run

SE = comparison("se", "complexity", "params", absolute=exact(11_776_552))
TIME = latency("se", (0.1, 0.2), absolute=Estimate(0.1, 0.09, 0.11, "t"))


def run(name: str, *facts: dict[str, Any]) -> StoredRun:
    environments = {str(number): Environment({**FACTS, **changes}, {}) for number, changes in enumerate(facts)}
    return replace(stored_run(Path(name), ()), environments=environments)


def test_runs_of_one_machine_have_no_caveats() -> None:
    assert list(run_caveats([run("a", {}), run("b", {})])) == []


def test_uncommitted_changes() -> None:
    [caveat] = run_caveats([run("a", {"dirty": True})])
    assert caveat.startswith("a ") and "uncommitted changes" in caveat


def test_run_on_another_machine() -> None:
    [caveat] = run_caveats([run("a", {}), run("b", {"threads": 8})])
    assert caveat.startswith("b and a ")
    assert "device cpu, cpu A | CPU, threads 8, torch 2;" in caveat and "threads 2, torch 2)" in caveat


def test_run_on_two_machines() -> None:
    [caveat] = run_caveats([run("a", {}, {"cpu": "B"})])
    assert "2 machines" in caveat and "cpu A | CPU" in caveat and "cpu B" in caveat


@pytest.mark.parametrize(("units", "count"), [(0, 0), (8, 1)])
def test_incomplete_run(monkeypatch: pytest.MonkeyPatch, units: int, count: int) -> None:
    monkeypatch.setattr(StoredRun, "missing", ([object()] * units, 23))
    caveats = list(run_caveats([run("a", {})]))
    assert len(caveats) == count and all(caveat.startswith(f"{units} of 23 ") for caveat in caveats)


def test_equal_counts_are_no_conflict() -> None:
    assert list(conflicts([SE, replace(SE, run="b")], {"latency", "params"})) == []


def test_different_counts_conflict() -> None:
    [conflict] = conflicts([SE, replace(SE, run="b", absolute=exact(11_776_553))], {"latency", "params"})
    assert "11,776,552 in a" in conflict and "11,776,553 in b" in conflict and conflict.startswith("params of ")


@pytest.mark.parametrize(("value", "remark"), [("latency", True), ("kernels", False)])
def test_conflict_names_what_the_table_at_a_glance_shows(value: str, remark: bool) -> None:
    time = replace(TIME, value=value)
    [conflict] = conflicts([time, replace(time, run="b")], {"latency", "params"})
    assert conflict.startswith(f"{value} of ") and ("at a glance" in conflict) == remark


def cells(measure: str) -> list[Comparison]:
    return [
        replace(TIME, run=run, cell=cell, measure=measure) for run in ("a", "b") for cell in ("one", "two", "three")
    ]


def test_conflicts_of_one_value_are_counted() -> None:
    [conflict] = conflicts(cells("latency"), {"latency", "params"})
    assert conflict.startswith("latency of one ") and "2 more" in conflict


def test_machines_do_not_conflict() -> None:
    assert list(conflicts(cells("machine"), {"latency", "params"})) == []
