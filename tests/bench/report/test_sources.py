"""What a reader has to know of the runs before they believe the tables."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.report.sources import Run, caveats
from tests.bench.report.invented import FACTS


def run(name: str, *facts: dict[str, Any]) -> Run:
    environments = {str(number): {"facts": {**FACTS, **each}, "state": {}} for number, each in enumerate(facts)}
    return Run(Path(name), "T", "", {"latency_ratio": 0.01}, environments)


def test_runs_of_one_machine_need_no_word() -> None:
    assert list(caveats([run("a", {}), run("b", {})])) == []


def test_uncommitted_changes_are_named() -> None:
    assert list(caveats([run("a", {"dirty": True})])) == ["a was measured with changes that were not committed"]


def test_another_machine_is_named() -> None:
    [caveat] = caveats([run("a", {}), run("b", {"threads": 8})])
    assert caveat.startswith(
        "b was measured on another machine than a (device cpu, cpu A | CPU, threads 8, torch 2, not "
    )
    assert caveat.endswith("only ratios to the baseline of the same run can stand beside each other")


def test_a_run_on_two_machines_is_named() -> None:
    [caveat] = caveats([run("a", {}, {"cpu": "B"})])
    assert caveat.startswith("a was measured on 2 machines: ")


def test_a_control_is_held_to_what_the_suite_gates_its_value_by() -> None:
    own = replace(run("a"), gate={"latency_ratio": 0.02, "mine": 0.05, "params": None})
    assert [own.threshold(value) for value in ("latency", "mine", "other", "params")] == [0.02, 0.05, 0.01, 0.01]


def test_a_run_that_was_ended_early_says_so() -> None:
    whole, early = replace(run("a", {}), left=(0, 23)), replace(run("a", {}), left=(8, 23))
    assert list(caveats([whole])) == []
    assert list(caveats([early])) == ["8 of 23 units of work of a were not measured; run --resume goes on with them"]
