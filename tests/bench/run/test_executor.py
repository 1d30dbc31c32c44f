"""Real worker processes on a network of a few hundred weights."""

from pathlib import Path

import pytest

from bench.results.record import Record
from bench.run.executor import LocalProcesses
from bench.run.runner import Runner
from tests.helpers import plan


def records(tmp_path: Path, how: str, timeout: str = "60s") -> list[Record]:
    text = f"""
        name: t
        axes:
          backbone: ["tests.helpers:tiny"]
          attention: [{{"tests.helpers:Trouble": {{how: {how}}}}}, "tests.helpers:Sigmoid"]
          placement: [{{layers: "0"}}]
        baseline: {{attention: none}}
        measures: {{"tests.helpers:Forward": {{}}}}
        timeout: {timeout}
    """
    with LocalProcesses() as execute:
        runner = Runner(execute, "cpu", "env", on_start=lambda unit, member: None)
        return [record for _, done in runner.run(plan(tmp_path, text)) for record in done]


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("raise", "RuntimeError: no forward today"),
        ("die", "the worker was killed by SIGABRT"),
    ],
)
def test_one_bad_cell_is_a_failed_record_and_the_rest_is_measured(tmp_path: Path, how: str, reason: str) -> None:
    plain, bad, good = records(tmp_path, how)
    assert (plain.status, bad.status, good.status) == ("ok", "failed", "ok")
    assert bad.reason is not None and bad.reason.startswith(reason)
    assert (bad.traceback is not None) == (how == "raise")


def test_a_hang_ends_at_the_timeout(tmp_path: Path) -> None:
    plain, bad, good = records(tmp_path, "hang", timeout="20s")
    assert (plain.status, bad.status, good.status) == ("ok", "failed", "ok")
    assert bad.reason is not None and bad.reason.startswith("no sign of life for 20 s")


def test_what_a_module_prints_does_not_disturb(tmp_path: Path) -> None:
    assert [record.status for record in records(tmp_path, "print")] == ["ok", "ok", "ok"]


@pytest.mark.parametrize(("measure", "processes"), [("Process", 1), ("TimedProcess", 6)])
def test_only_what_is_timed_has_a_process_of_its_own(tmp_path: Path, measure: str, processes: int) -> None:
    text = f"""
        name: t
        axes: {{backbone: [resnet18, resnet50], attention: [none]}}
        baseline: {{attention: none}}
        measures: {{"tests.helpers:{measure}": {{}}}}
    """
    with LocalProcesses() as execute:
        runner = Runner(execute, "cpu", "env", on_start=lambda unit, member: None)
        done = [record for _, records in runner.run(plan(tmp_path, text)) for record in records]
    assert len({record.values[0].samples[0] for record in done}) == processes
