"""Runs that end early and go on: what is kept, what is refused. Workers are played, no time passes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench.errors import InputError
from bench.reports import left_of
from bench.results.frame import load_frame
from bench.results.record import read_records
from bench.run import session
from bench.run.check import check
from bench.run.directory import RunDirectory, RunError
from bench.run.environment import Environment
from bench.run.worker import Job
from bench.suite.load import load_suite
from bench.suite.plan import expand
from tests.helpers import plan, suite, write

SUITE = """
    name: t
    axes: {backbone: [resnet18, resnet34], attention: [none, simam]}
    baseline: {attention: none}
    measures: {complexity: {}, latency: {repeats: 5}}
"""


class Workers:
    """Played workers: every member gives one value, until the job whose number is in ``dies`` or ``breaks``."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.bad: set[str] = set()
        self.stop_at: int | None = None

    def __call__(self, job: Job, timeout: float) -> Iterator[dict[str, Any]]:
        if job.measure.name.startswith("bench.run.check"):
            return
        if self.stop_at is not None and len(self.jobs) == self.stop_at:
            raise KeyboardInterrupt
        self.jobs.append(job)
        for member in job.members:
            yield {"start": member.index}
            if member.cell.id in self.bad:
                yield {"failed": member.index, "reason": "bad", "traceback": "…"}
                return
            value = {"name": "latency", "unit": "s", "samples": [1.0], "reason": None}
            yield {"measured": member.index, "values": [value], "details": {"rounds": 1, "stopped_by": "budget"}}


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Workers:
    """Played workers, and a machine that only a test changes."""
    played = Workers()

    class Processes:
        def __enter__(self) -> Workers:
            return played

        def __exit__(self, *exception: object) -> None:
            pass

    monkeypatch.setattr(session, "LocalProcesses", Processes)
    monkeypatch.setattr(session, "read_environment", lambda wanted, execute: machine("A"))
    monkeypatch.setattr(session, "processes_at_once", lambda: 1)
    return played


def machine(cpu: str) -> Environment:
    return Environment({"device": "cpu", "cpu": cpu, "threads": 2}, {"load": None})


def quiet() -> Console:
    return Console(quiet=True)


def keys(folder: Path) -> list[tuple[object, ...]]:
    return [record.key for record in read_records(folder / "records.jsonl")]


def begun_and_stopped(tmp_path: Path, workers: Workers, after: int) -> Path:
    folder = tmp_path / "out"
    workers.stop_at = after
    with pytest.raises(KeyboardInterrupt):
        session.begin(plan(tmp_path, SUITE), folder, "cpu", quiet())
    workers.stop_at = None
    return folder


@pytest.mark.parametrize("after", [0, 1, 2, 5, 11])
def test_resuming_measures_only_what_is_missing(tmp_path: Path, workers: Workers, after: int) -> None:
    whole = session.begin(plan(tmp_path, SUITE), tmp_path / "whole", "cpu", quiet())
    assert len(workers.jobs) == 12  # two groups of one repeat, two of five
    workers.jobs.clear()
    folder = begun_and_stopped(tmp_path, workers, after)
    session.resume(folder, [], False, "cpu", quiet())
    assert len(workers.jobs) == 12
    assert keys(folder) == keys(whole)
    session.resume(folder, [], False, "cpu", quiet())
    assert len(workers.jobs) == 12


@pytest.mark.parametrize("after", [1, 5])
def test_what_is_left_of_a_run_is_known(tmp_path: Path, workers: Workers, after: int) -> None:
    folder = begun_and_stopped(tmp_path, workers, after)
    assert left_of(folder, load_frame(folder)) == (12 - after, 12)
    session.resume(folder, [], False, "cpu", quiet())
    assert left_of(folder, load_frame(folder)) == (0, 12)
    suite = folder / "suite.yaml"
    suite.write_text(suite.read_text().replace("simam", "no.such.module:Mine"))
    assert left_of(folder, load_frame(folder)) is None


def test_a_timed_unit_that_is_not_whole_is_measured_whole(tmp_path: Path, workers: Workers) -> None:
    folder = session.begin(plan(tmp_path, SUITE), tmp_path / "out", "cpu", quiet())
    path, before = folder / "records.jsonl", keys(folder)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-1]) + lines[-1][:40])
    workers.jobs.clear()
    session.resume(folder, [], False, "cpu", quiet())
    [job] = workers.jobs
    assert len(job.members) == 3
    assert keys(folder) == before


def test_of_an_exact_unit_only_the_missing_member_is_measured(tmp_path: Path, workers: Workers) -> None:
    text = SUITE.replace(", latency: {repeats: 5}", "")
    folder = session.begin(plan(tmp_path, text), tmp_path / "out", "cpu", quiet())
    path = folder / "records.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    workers.jobs.clear()
    session.resume(folder, [], False, "cpu", quiet())
    assert [[member.cell.id for member in job.members] for job in workers.jobs] == [
        ["resnet34/simam@spatial/inference/b1/224/fp32"]
    ]


def test_failures_stand_until_they_are_retried(tmp_path: Path, workers: Workers) -> None:
    workers.bad = {"resnet18/simam@spatial/inference/eager/b1/224/fp32"}
    folder = session.begin(plan(tmp_path, SUITE), tmp_path / "out", "cpu", quiet())
    statuses = [record.status for record in read_records(folder / "records.jsonl")]
    assert (statuses.count("failed"), statuses.count("skipped")) == (1, 4)
    before = keys(folder)
    workers.bad, workers.jobs = set(), []
    session.resume(folder, [], False, "cpu", quiet())
    assert workers.jobs == []
    session.resume(folder, [], True, "cpu", quiet())
    assert len(workers.jobs) == 5
    assert {record.status for record in read_records(folder / "records.jsonl")} == {"ok"}
    assert sorted(keys(folder)) == sorted(before)


def test_what_failed_before_a_stop_is_not_tried_again_in_later_repeats(tmp_path: Path, workers: Workers) -> None:
    workers.bad = {"resnet18/simam@spatial/inference/eager/b1/224/fp32"}
    folder = begun_and_stopped(tmp_path, workers, after=5)
    session.resume(folder, [], False, "cpu", quiet())
    own = [record for record in read_records(folder / "records.jsonl") if record.cell in workers.bad]
    assert [record.status for record in own] == ["failed", *["skipped"] * 4]


def test_time_is_not_mixed_from_two_machines(tmp_path: Path, workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = begun_and_stopped(tmp_path, workers, after=5)
    before = (folder / "records.jsonl").read_bytes()
    monkeypatch.setattr(session, "read_environment", lambda wanted, execute: machine("B"))
    with pytest.raises(RunError, match=r"latency was measured in another environment \(cpu: A there, B here\)"):
        session.resume(folder, [], False, "cpu", quiet())
    assert (folder / "records.jsonl").read_bytes() == before


def test_what_is_exact_goes_on_anywhere_and_says_where(
    tmp_path: Path, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = SUITE.replace(", latency: {repeats: 5}", "")
    folder = tmp_path / "out"
    workers.stop_at = 1
    with pytest.raises(KeyboardInterrupt):
        session.begin(plan(tmp_path, text), folder, "cpu", quiet())
    workers.stop_at = None
    monkeypatch.setattr(session, "read_environment", lambda wanted, execute: machine("B"))
    session.resume(folder, [], False, "cpu", quiet())
    ids = [record.environment for record in read_records(folder / "records.jsonl")]
    assert ids == [machine("A").id] * 2 + [machine("B").id] * 2
    assert list(json.loads((folder / "environment.json").read_text())) == [machine("A").id, machine("B").id]


def test_with_only_the_exact_part_goes_on_elsewhere(
    tmp_path: Path, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = SUITE.replace("complexity: {}, latency: {repeats: 5}", "latency: {repeats: 5}, complexity: {}")
    folder = tmp_path / "out"
    workers.stop_at = 3
    with pytest.raises(KeyboardInterrupt):
        session.begin(plan(tmp_path, text), folder, "cpu", quiet())
    workers.stop_at = None
    monkeypatch.setattr(session, "read_environment", lambda wanted, execute: machine("B"))
    session.resume(folder, ["measure=complexity"], False, "cpu", quiet())
    measures = [record.measure for record in read_records(folder / "records.jsonl")]
    assert measures == ["latency"] * 9 + ["complexity"] * 4


def test_a_second_run_in_one_folder_is_refused(tmp_path: Path, workers: Workers) -> None:
    folder = begun_and_stopped(tmp_path, workers, after=1)
    with RunDirectory.open(folder), pytest.raises(RunError, match="another run is at work in"):
        session.resume(folder, [], False, "cpu", quiet())
    session.resume(folder, [], False, "cpu", quiet())


def test_there_must_be_a_run_to_resume(tmp_path: Path, workers: Workers) -> None:
    with pytest.raises(RunError, match="holds no run to resume"):
        session.resume(tmp_path, [], False, "cpu", quiet())
    with pytest.raises(RunError, match="holds no run to resume"):
        session.resume(tmp_path / "nowhere", [], False, "cpu", quiet())


def test_damage_in_the_middle_is_named(tmp_path: Path, workers: Workers) -> None:
    folder = begun_and_stopped(tmp_path, workers, after=3)
    path = folder / "records.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], "{]\n", *lines[1:]]))
    with pytest.raises(InputError, match=r"records.jsonl:2: not a record"):
        session.resume(folder, [], False, "cpu", quiet())


def test_the_stored_suite_keeps_what_the_command_line_said(tmp_path: Path, workers: Workers) -> None:
    path = write(tmp_path, SUITE)
    asked = expand(load_suite(path, ["measures.latency.repeats=7"], ["backbone=resnet34"]))
    folder = session.begin(asked, tmp_path / "out", "cpu", quiet())
    assert len(workers.jobs) == 8
    assert expand(load_suite(folder / "suite.yaml")).groups == asked.groups
    session.resume(folder, [], False, "cpu", quiet())
    assert len(workers.jobs) == 8


def test_only_paper_is_where_each_modules_paper_puts_it(tmp_path: Path) -> None:
    text = SUITE.replace("[none, simam]}", "[simam, se], placement: [spatial, branch_end]}").replace(
        "resnet34", "resnet50"
    )
    kept = expand(
        load_suite(write(tmp_path, text), only=["placement=paper", "measure=complexity", "backbone=resnet50"])
    )
    assert [[cell.id for cell in group.variants] for group in kept.groups] == [
        ["resnet50/simam@spatial/inference/b1/224/fp32", "resnet50/se@branch_end/inference/b1/224/fp32"]
    ]


def test_on_resuming_only_narrows(tmp_path: Path, workers: Workers) -> None:
    asked = expand(load_suite(write(tmp_path, SUITE), only=["backbone=resnet34"]))
    folder = session.begin(asked, tmp_path / "out", "cpu", quiet())
    with pytest.raises(InputError, match="--only backbone=resnet18: the suite keeps only resnet34"):
        session.resume(folder, ["backbone=resnet18"], False, "cpu", quiet())


def test_a_resumed_run_stays_on_its_device(tmp_path: Path, workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, asked = begun_and_stopped(tmp_path, workers, after=1), []

    def read(wanted: str, execute: object) -> Environment:
        asked.append(wanted)
        return machine("A")

    monkeypatch.setattr(session, "read_environment", read)
    session.resume(folder, [], False, "auto", quiet())
    assert asked == ["cpu"]


@pytest.mark.parametrize("damaged", ["{", '{"e": {"facts": "x", "state": {}}}', '{"e": {"state": {}}}'])
def test_a_damaged_environment_is_a_message(tmp_path: Path, workers: Workers, damaged: str) -> None:
    folder = begun_and_stopped(tmp_path, workers, after=1)
    (folder / "environment.json").write_text(damaged)
    with pytest.raises(RunError, match=r"environment.json is damaged"):
        session.resume(folder, [], False, "auto", quiet())


def test_only_keeps_the_baseline(tmp_path: Path) -> None:
    kept = expand(load_suite(write(tmp_path, SUITE), only=["attention=simam", "measure=complexity"]))
    assert [[cell.id for cell in (group.baseline, *group.variants)] for group in kept.groups] == [
        ["resnet18/none/inference/b1/224/fp32", "resnet18/simam@spatial/inference/b1/224/fp32"],
        ["resnet34/none/inference/b1/224/fp32", "resnet34/simam@spatial/inference/b1/224/fp32"],
    ]


@pytest.mark.parametrize(
    ("settings", "only", "message"),
    [
        (
            ["measures.latency.repeats=2"],
            [],
            "repeats must be 5 or more for an interval over processes, not 2 (with --set measures.latency.repeats=2)",
        ),
        (["measures.latency.repeats=x"], [], "repeats=x: measures.latency.repeats: a whole number is wanted"),
        (["axes.backbone=resnet18"], [], "--set axes.backbone=resnet18: axes.backbone: a list is wanted"),
        (["axes.backbone=[resnet81]"], [], "did you mean 'resnet18'"),
        (["axis.backbone=[resnet18]"], [], "(with --set axis.backbone=[resnet18])"),
        (["name.first=x"], [], "--set name.first=x: name: it has no keys below it"),
        (["name"], [], "--set name: write KEY=VALUE"),
        (["name=[}"], [], "--set name=[}: the value is not valid YAML"),
        (["name=!x y"], [], "YAML tags"),
        ([], ["backbone"], "--only backbone: write KEY=VALUE"),
        ([], ["backbone=resnet18", "backbone=resnet50"], "no cell has backbone resnet50; there is resnet18"),
        ([], ["backbone=resnet50"], "--only backbone=resnet50: only.backbone: no cell has backbone resnet50; there is"),
        ([], ["backbon=resnet50"], "--only backbon=resnet50: no such key; did you mean 'backbone'"),
        ([], ["measure=memory"], "the suite has no measure memory; it has complexity, latency"),
    ],
)
def test_bad_settings_are_messages(tmp_path: Path, settings: list[str], only: list[str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        expand(load_suite(write(tmp_path, SUITE), settings, only))
    assert message in str(caught.value)


def test_settings_reach_into_lists_and_dotted_names(tmp_path: Path) -> None:
    text = """
        name: t
        axes: [{backbone: [resnet18], batch: [1]}]
        baseline: {attention: none}
        measures: {"tests.helpers:Weigh": {scale: 1.0}, memory: }
    """
    path = write(tmp_path, text)
    loaded = load_suite(path, ["axes.0.batch=[4]", "measures.tests.helpers:Weigh.scale=3.0", "gate.saved_bytes=exact"])
    assert loaded.grids[0]["batch"] == (4,)
    assert dict(loaded.measures[0].options) == {"scale": 3.0}
    assert loaded.gate == {"saved_bytes": None}
    assert suite(tmp_path, loaded.to_yaml()).grids == loaded.grids


def test_a_measure_of_the_machine_builds_no_network(tmp_path: Path) -> None:
    text = SUITE.replace("complexity: {}", "machine: {}")
    jobs: list[Job] = []

    def execute(job: Job, timeout: float) -> Iterator[dict[str, Any]]:
        jobs.append(job)
        yield from ()

    check(expand(load_suite(write(tmp_path, text))), execute)
    assert all(member.cell.backbone is not None for job in jobs for member in job.members)
