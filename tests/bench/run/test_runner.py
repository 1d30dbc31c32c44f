"""The runner against an executor that plays a script: no process is started, no time passes."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.results.record import Record
from bench.run.executor import Message
from bench.run.runner import Runner, members
from bench.run.worker import Job
from bench.suite.axes import Choice
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
    """Measures every member, but for the cells told to go wrong. A timed group gives its outcomes together, last."""

    def __init__(self, wrong: dict[str, dict[str, Any]], together: bool = True) -> None:
        self.wrong, self.together, self.jobs, self.timeouts = wrong, together, [], []

    def __call__(self, job: Job, timeout: float) -> Iterator[dict[str, Any]]:
        self.jobs.append(job)
        self.timeouts.append(timeout)
        outcomes = []
        for member in job.members:
            yield {"start": member.index}
            if member.cell.id in self.wrong:
                message = self.wrong[member.cell.id]
                yield {**message, "failed": member.index} if "traceback" in message else message
                return
            value = {"name": "latency", "unit": "s", "samples": [1.0, 2.0], "reason": None}
            outcomes.append({"measured": member.index, "values": [value], "details": {"rounds": 2}})
            if not self.together:
                yield outcomes.pop()
        yield from outcomes


def run(tmp_path: Path, text: str, script: Script) -> list[Record]:
    runner = Runner(script, "cpu", "env", on_start=lambda *told: None)
    return [record for _, records in runner.run(plan(tmp_path, text), {}) for record in records]


SIMAM = "resnet18/simam@spatial/inference/eager/b1/224/fp32"
NONE = "resnet18/none/inference/eager/b1/224/fp32"
DEATH = {"died": "the worker was killed by SIGSEGV"}
ERROR = {"reason": "RuntimeError: no", "traceback": "Traceback…"}


def test_every_member_of_every_repeat_has_a_record(tmp_path: Path) -> None:
    script = Script({})
    records = run(tmp_path, TIMED, script)
    assert len(script.jobs) == 5 and set(script.timeouts) == {7.0}
    assert [job.repeat for job in script.jobs] == [0, 1, 2, 3, 4]
    assert [record.role for record in records[:4]] == ["baseline", "variant", "variant", "twin"]
    assert {record.status for record in records} == {"ok"}
    assert records[0].cell == records[3].cell == NONE
    assert records[1].axes["attention"] == "simam" and records[2].options == {"attention": {"e_lambda": 0.1}}
    assert records[0].environment == "env" and records[0].values[0].samples == (1.0, 2.0)


def test_a_death_fails_the_member_that_was_running_and_the_rest_is_measured(tmp_path: Path) -> None:
    script = Script({SIMAM: DEATH})
    first, second, third, fourth = run(tmp_path, TIMED, script)[:4]
    assert (second.status, second.reason) == ("failed", "the worker was killed by SIGSEGV")
    assert [first.status, third.status, fourth.status] == ["ok", "ok", "ok"]
    assert [member.index for member in script.jobs[1].members] == [0, 2, 3]


def test_what_failed_is_skipped_in_later_repeats(tmp_path: Path) -> None:
    script = Script({SIMAM: ERROR})
    records = run(tmp_path, TIMED, script)
    own = [record for record in records if record.cell == SIMAM]
    assert [record.status for record in own] == ["failed", "skipped", "skipped", "skipped", "skipped"]
    assert own[0].traceback == "Traceback…" and own[1].reason == "failed in repeat 0"
    assert len(script.jobs) == 6


def test_a_dead_baseline_fails_its_group(tmp_path: Path) -> None:
    script = Script({NONE: DEATH})
    records = run(tmp_path, TIMED, script)
    assert len(script.jobs) == 1
    assert [record.status for record in records[:4]] == ["failed"] * 4
    assert records[1].reason == "the group's baseline did not run: the worker was killed by SIGSEGV"


def test_a_timed_unit_is_begun_again_whole_when_a_member_fails_midway(tmp_path: Path) -> None:
    script = Script({SIMAM: DEATH}, together=False)
    records = run(tmp_path, TIMED, script)[:4]
    assert [member.index for member in script.jobs[1].members] == [0, 2, 3]
    assert [record.status for record in records] == ["ok", "failed", "ok", "ok"]


def test_a_timed_unit_that_dies_after_its_last_outcome_is_whole_and_is_not_begun_again(tmp_path: Path) -> None:
    jobs: list[Job] = []

    def execute(job: Job, timeout: float) -> Iterator[dict[str, Any]]:
        jobs.append(job)
        assert len(jobs) <= 5, "a unit was begun again"
        for member in job.members:
            yield {"start": member.index}
            yield {"measured": member.index, "values": [], "details": {}}
        yield DEATH

    records = run(tmp_path, TIMED, execute)  # type: ignore[arg-type]
    assert len(jobs) == 5 and {record.status for record in records} == {"ok"}


def test_what_was_measured_before_a_death_is_kept(tmp_path: Path) -> None:
    script = Script({"resnet18/simam@spatial/inference/b1/224/fp32": DEATH}, together=False)
    assert [record.status for record in run(tmp_path, EXACT, script)] == ["ok", "failed", "ok"]
    assert [member.index for member in script.jobs[1].members] == [2]


def test_a_worker_that_never_begins_fails_all_and_does_not_loop(tmp_path: Path) -> None:
    def execute(job: Job, timeout: float) -> Iterator[dict[str, Any]]:
        yield {"died": "the worker ended with status 1"}

    records = run(tmp_path, EXACT, execute)  # type: ignore[arg-type]
    assert {record.status for record in records} == {"failed"}


def test_a_measure_that_forgets_a_member_is_found_out(tmp_path: Path) -> None:
    def execute(job: Job, timeout: float) -> Iterator[dict[str, Any]]:
        yield {"measured": 0, "values": [], "details": {}}

    records = run(tmp_path, EXACT, execute)  # type: ignore[arg-type]
    assert [record.status for record in records] == ["ok", "failed", "failed"]
    assert records[1].reason == "complexity gave no outcome for it"


def test_members_end_with_the_twin(tmp_path: Path) -> None:
    [group] = plan(tmp_path, TIMED).groups
    assert [(member.role, member.cell == group.baseline) for member in members(group)] == [
        ("baseline", True),
        ("variant", False),
        ("variant", False),
        ("twin", True),
    ]


EXECUTIONS = """
    name: t
    axes: {backbone: [resnet18], execution: [eager, graph]}
    contrast: [execution]
    baseline: {execution: eager}
    measures: {latency: {repeats: 5}}
"""


def test_what_the_device_cannot_run_is_skipped_and_the_rest_is_measured(tmp_path: Path) -> None:
    script = Script({})
    baseline, graph, twin = run(tmp_path, EXECUTIONS, script)[:3]
    assert (graph.status, graph.reason) == ("skipped", "execution graph needs a CUDA device")
    assert [baseline.status, twin.status] == ["ok", "ok"]
    assert len(script.jobs) == 5 and {len(job.members) for job in script.jobs} == {2}


def test_no_process_is_started_for_a_group_that_the_device_cannot_run(tmp_path: Path) -> None:
    script = Script({})
    records = run(tmp_path, EXECUTIONS.replace("execution: eager", "execution: graph"), script)
    assert script.jobs == []
    assert {record.status for record in records} == {"skipped"}
    assert records[1].reason == "the group's baseline did not run: execution graph needs a CUDA device"


def test_groups_that_only_count_are_measured_side_by_side_and_told_in_order(tmp_path: Path) -> None:
    """The first is not done before the second is; with one at a time this would wait for ever."""
    second_is_done = threading.Event()

    def execute(job: Job, timeout: float) -> Iterator[Message]:
        first = job.members[0].cell.backbone == Choice("resnet18")
        if first:
            assert second_is_done.wait(60)
        for member in job.members:
            yield {"measured": member.index, "values": [], "details": {}}
        if not first:
            second_is_done.set()

    text = """
        name: t
        axes: {backbone: [resnet18, resnet34, resnet50], attention: [none, simam]}
        baseline: {attention: none}
        measures: {complexity: {}}
    """
    runner = Runner(execute, "cpu", "env", on_start=lambda *told: None, at_once=2)
    done = list(runner.run(plan(tmp_path, text), {}))
    assert [unit.group.baseline.backbone for unit, _ in done] == [
        Choice(n) for n in ("resnet18", "resnet34", "resnet50")
    ]
    assert all(record.status == "ok" for _, records in done for record in records)


def test_what_is_timed_is_alone(tmp_path: Path) -> None:
    running: set[str] = set()

    def execute(job: Job, timeout: float) -> Iterator[Message]:
        assert not running
        running.add(job.measure.name)
        for member in job.members:
            yield {"measured": member.index, "values": [], "details": {}}
        running.clear()

    runner = Runner(execute, "cpu", "env", on_start=lambda *told: None, at_once=2)
    assert len(list(runner.run(plan(tmp_path, TIMED), {}))) > 1
