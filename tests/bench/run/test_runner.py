"""The runner with a scripted executor, which starts no process."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from bench.run.executors import Executor
from bench.run.messages import Died, Failed, Measured, Message, Started
from bench.run.runner import Runner, was_too_disturbed, worth_repeating
from bench.run.worker import Job
from bench.store.record import FailedRecord, MeasuredRecord, Record, Value
from bench.suite.axes import Choice
from tests.factories import record
from tests.helpers import plan

TIMED = """
    name: t
    axes: {backbone: [resnet18], attention: [none, simam, {simam: {e_lambda: 0.1}}]}
    baseline: {attention: none}
    measures: {latency: {repeats: 5}}
    timeout: 7s
"""
EXACT = TIMED.replace("latency: {repeats: 5}", "complexity: {}")


class Script:
    """An executor that measures every member except those of ``failing`` cells.

    Args:
        failing: id of a cell → its last message.
        together: whether all outcomes come at the end, as for a timed group.
    """

    def __init__(self, failing: dict[str, Failed | Died], together: bool = True) -> None:
        self.failing, self.together = failing, together
        self.jobs: list[Job] = []
        self.timeouts: list[float] = []

    def __call__(self, job: Job, timeout: float) -> Iterator[Message]:
        self.jobs.append(job)
        self.timeouts.append(timeout)
        outcomes = []
        for member in job.members:
            yield Started(member.index)
            if message := self.failing.get(member.cell.id):
                yield msgspec.structs.replace(message, index=member.index) if isinstance(message, Failed) else message
                return
            outcomes.append(Measured(member.index, (Value("latency", "s", (1.0, 2.0)),), {"rounds": 2}))
            if not self.together:
                yield outcomes.pop()
        yield from outcomes


def run(tmp_path: Path, text: str, execute: Executor) -> list[Record]:
    runner = Runner(execute, "cpu", "env", on_start=lambda *arguments: None)
    return [record for _, records in runner.run(plan(tmp_path, text), {}) for record in records]


SIMAM = "resnet18/simam@spatial/inference/eager/b1/224/fp32"
NONE = "resnet18/none/inference/eager/b1/224/fp32"
DEATH = Died("the worker was killed by SIGSEGV")
ERROR = Failed(None, "RuntimeError: no", "Traceback…")


def test_every_member_of_every_process_has_a_record(tmp_path: Path) -> None:
    script = Script({})
    records = run(tmp_path, TIMED, script)
    assert len(script.jobs) == 5 and set(script.timeouts) == {7.0}
    assert [job.repeat for job in script.jobs] == [0, 1, 2, 3, 4]
    assert [record.role for record in records[:4]] == ["baseline", "variant", "variant", "control"]
    assert {record.status for record in records} == {"ok"}
    assert records[0].cell == records[3].cell == NONE
    assert records[1].axes["attention"] == "simam" and records[2].options == {"attention": {"e_lambda": 0.1}}
    assert isinstance(records[0], MeasuredRecord)
    assert records[0].environment == "env" and records[0].values[0].samples == (1.0, 2.0)


def test_death_fails_only_the_running_member(tmp_path: Path) -> None:
    script = Script({SIMAM: DEATH})
    first, second, third, fourth = run(tmp_path, TIMED, script)[:4]
    assert (second.status, second.reason) == ("failed", "the worker was killed by SIGSEGV")
    assert [first.status, third.status, fourth.status] == ["ok", "ok", "ok"]
    assert [member.index for member in script.jobs[1].members] == [0, 2, 3]


def test_failed_member_is_skipped_in_later_processes(tmp_path: Path) -> None:
    script = Script({SIMAM: ERROR})
    records = run(tmp_path, TIMED, script)
    first, *later = [record for record in records if record.cell == SIMAM]
    assert isinstance(first, FailedRecord) and first.traceback == "Traceback…"
    assert [(record.status, record.reason) for record in later] == [("skipped", "failed in process 1")] * 4
    assert len(script.jobs) == 6


def test_disturbed_unit_is_measured_again_without_failed_members(tmp_path: Path) -> None:
    everything = plan(tmp_path, TIMED)
    runner = Runner(Script({SIMAM: ERROR}), "cpu", "env", on_start=lambda *arguments: None)
    unit, earlier = next(runner.run(everything, {}))
    assert [record.status for record in earlier] == ["ok", "failed", "ok", "ok"]
    script = Script({})
    again = replace(runner, execute=script).run_again(everything.suite, unit, earlier)
    assert [(record.cell, record.status) for record in again] == [
        (record.cell, "ok") for record in earlier if record.status == "ok"
    ]
    assert [member.index for job in script.jobs for member in job.members] == [0, 2, 3]


def test_group_that_is_disturbed_all_the_time_is_not_repeated(tmp_path: Path) -> None:
    units = list(plan(tmp_path, TIMED).units())  # five processes
    assert worth_repeating(units[:2]) == units[:2]
    assert worth_repeating(units[:3]) == []


@pytest.mark.parametrize(
    ("disturbed", "stopped_by", "too_disturbed"),
    [((), "budget", False), ((0, 1), "patience", True), ((0,), "patience", False), ((0, 1), "budget", False)],
)
def test_too_few_undisturbed_rounds(disturbed: tuple[int, ...], stopped_by: str, too_disturbed: bool) -> None:
    measured = record(Value("latency", "s", (1.0,) * 9), details={"disturbed": disturbed, "stopped_by": stopped_by})
    assert was_too_disturbed([measured]) is too_disturbed


def test_dead_baseline_fails_its_group(tmp_path: Path) -> None:
    script = Script({NONE: DEATH})
    records = run(tmp_path, TIMED, script)
    assert len(script.jobs) == 1
    assert [record.status for record in records[:4]] == ["failed"] * 4
    assert records[1].reason == "the group's baseline was not measured: the worker was killed by SIGSEGV"


def test_timed_unit_restarts_as_a_whole_after_a_failure(tmp_path: Path) -> None:
    script = Script({SIMAM: DEATH}, together=False)
    records = run(tmp_path, TIMED, script)[:4]
    assert [member.index for member in script.jobs[1].members] == [0, 2, 3]
    assert [record.status for record in records] == ["ok", "failed", "ok", "ok"]


def test_death_after_last_outcome_does_not_restart_a_timed_unit(tmp_path: Path) -> None:
    jobs: list[Job] = []

    def execute(job: Job, timeout: float) -> Iterator[Message]:
        jobs.append(job)
        assert len(jobs) <= 5, "a unit was started again"
        for member in job.members:
            yield Started(member.index)
            yield Measured(member.index, ())
        yield DEATH

    records = run(tmp_path, TIMED, execute)
    assert len(jobs) == 5 and {record.status for record in records} == {"ok"}


def test_exact_outcomes_before_a_death_are_kept(tmp_path: Path) -> None:
    script = Script({"resnet18/simam@spatial/inference/b1/224/fp32": DEATH}, together=False)
    assert [record.status for record in run(tmp_path, EXACT, script)] == ["ok", "failed", "ok"]
    assert [member.index for member in script.jobs[1].members] == [2]


def test_worker_that_never_starts_fails_all_members(tmp_path: Path) -> None:
    def execute(job: Job, timeout: float) -> Iterator[Message]:
        yield Died("the worker ended with status 1")

    records = run(tmp_path, EXACT, execute)
    assert {record.status for record in records} == {"failed"}


def test_member_without_an_outcome_is_failed(tmp_path: Path) -> None:
    def execute(job: Job, timeout: float) -> Iterator[Message]:
        yield Measured(0, ())

    records = run(tmp_path, EXACT, execute)
    assert [record.status for record in records] == ["ok", "failed", "failed"]
    assert records[1].reason == "complexity returned no outcome for this member"


def test_members_end_with_the_control(tmp_path: Path) -> None:
    [group] = plan(tmp_path, TIMED).groups
    assert [(member.role, member.cell == group.baseline) for member in group.members] == [
        ("baseline", True),
        ("variant", False),
        ("variant", False),
        ("control", True),
    ]


EXECUTIONS = """
    name: t
    axes: {backbone: [resnet18], execution: [eager, graph]}
    contrast: [execution]
    baseline: {execution: eager}
    measures: {latency: {repeats: 5}}
"""


def test_unsupported_members_are_skipped(tmp_path: Path) -> None:
    script = Script({})
    baseline, graph, control = run(tmp_path, EXECUTIONS, script)[:3]
    assert (graph.status, graph.reason) == ("skipped", "execution graph needs a CUDA device")
    assert [baseline.status, control.status] == ["ok", "ok"]
    assert len(script.jobs) == 5 and {len(job.members) for job in script.jobs} == {2}


def test_no_process_for_a_group_with_unsupported_baseline(tmp_path: Path) -> None:
    script = Script({})
    records = run(tmp_path, EXECUTIONS.replace("execution: eager", "execution: graph"), script)
    assert script.jobs == []
    assert {record.status for record in records} == {"skipped"}
    assert records[1].reason == "the group's baseline was not measured: execution graph needs a CUDA device"


def test_counted_groups_run_in_parallel_and_finish_in_order(tmp_path: Path) -> None:
    """The first group waits for the second one, so that one at a time would deadlock."""
    second_done = threading.Event()

    def execute(job: Job, timeout: float) -> Iterator[Message]:
        first = job.members[0].cell.backbone == Choice("resnet18")
        if first:
            assert second_done.wait(60)
        for member in job.members:
            yield Measured(member.index, ())
        if not first:
            second_done.set()

    text = """
        name: t
        axes: {backbone: [resnet18, resnet34, resnet50], attention: [none, simam]}
        baseline: {attention: none}
        measures: {complexity: {}}
    """
    runner = Runner(execute, "cpu", "env", on_start=lambda *arguments: None, parallel_units=2)
    done = list(runner.run(plan(tmp_path, text), {}))
    assert [unit.group.baseline.backbone for unit, _ in done] == [
        Choice(name) for name in ("resnet18", "resnet34", "resnet50")
    ]
    assert all(record.status == "ok" for _, records in done for record in records)


def test_timed_units_run_alone(tmp_path: Path) -> None:
    running: set[str] = set()

    def execute(job: Job, timeout: float) -> Iterator[Message]:
        assert not running
        running.add(job.measure.name)
        for member in job.members:
            yield Measured(member.index, ())
        running.clear()

    runner = Runner(execute, "cpu", "env", on_start=lambda *arguments: None, parallel_units=2)
    assert len(list(runner.run(plan(tmp_path, TIMED), {}))) > 1
