"""Interrupted and resumed runs with fake workers: which units are measured again, and which runs are refused."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from bench.errors import InputError, RunError
from bench.run import session
from bench.run.checks import check_plan
from bench.run.messages import Failed, Measured, Message, Started
from bench.run.worker import Job
from bench.store.directory import RunDirectory
from bench.store.environment import Environment
from bench.store.record import Value
from bench.store.shards import read_records
from bench.store.stored_run import StoredRun
from bench.suite.load import load_suite
from bench.suite.plan import expand
from tests.helpers import plan, suite, write

SUITE = """
    name: t
    axes: {backbone: [resnet18, resnet34], attention: [none, simam]}
    baseline: {attention: none}
    measures: {complexity: {}, latency: {repeats: 5}}
"""


class FakeWorkers:
    """Workers that give every member one value, except for cells in ``bad``, and are interrupted at job ``stop_at``."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.bad: set[str] = set()
        self.stop_at: int | None = None

    def __call__(self, job: Job, timeout: float) -> Iterator[Message]:
        if job.measure.name.startswith("bench.run.checks"):
            return
        if self.stop_at is not None and len(self.jobs) == self.stop_at:
            raise KeyboardInterrupt
        self.jobs.append(job)
        for member in job.members:
            yield Started(member.index)
            if member.cell.id in self.bad:
                yield Failed(member.index, "bad", "…")
                return
            details = {"rounds": 1, "stopped_by": "budget"}
            yield Measured(member.index, (Value("latency", "s", (1.0,)),), details)


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> FakeWorkers:
    """Fake workers on the machine A."""
    fake = FakeWorkers()

    class Processes:
        def __enter__(self) -> FakeWorkers:
            return fake

        def __exit__(self, *exception: object) -> None:
            pass

    monkeypatch.setattr(session, "LocalProcesses", Processes)
    monkeypatch.setattr(session, "read_environment", lambda requested, execute: machine("A"))
    monkeypatch.setattr(session, "parallel_processes", lambda: 1)
    return fake


def machine(cpu: str) -> Environment:
    return Environment({"device": "cpu", "cpu": cpu, "threads": 2}, {"load": None})


def quiet() -> Console:
    return Console(quiet=True)


def keys(folder: Path) -> list[tuple[object, ...]]:
    return [record.key for record in read_records(folder / "records.jsonl")]


def interrupted_run(tmp_path: Path, workers: FakeWorkers, after: int) -> Path:
    folder = tmp_path / "out"
    workers.stop_at = after
    with pytest.raises(KeyboardInterrupt):
        session.begin(plan(tmp_path, SUITE), folder, "cpu", quiet())
    workers.stop_at = None
    return folder


@pytest.mark.parametrize("after", [0, 1, 2, 5, 11])
def test_resuming_measures_only_what_is_missing(tmp_path: Path, workers: FakeWorkers, after: int) -> None:
    complete = session.begin(plan(tmp_path, SUITE), tmp_path / "complete", "cpu", quiet())
    assert len(workers.jobs) == 12  # two groups of one repeat, two of five
    workers.jobs.clear()
    folder = interrupted_run(tmp_path, workers, after)
    session.resume(folder, [], False, "cpu", quiet())
    assert len(workers.jobs) == 12
    assert keys(folder) == keys(complete)
    session.resume(folder, [], False, "cpu", quiet())
    assert len(workers.jobs) == 12


@pytest.mark.parametrize("after", [1, 5])
def test_number_of_missing_units(tmp_path: Path, workers: FakeWorkers, after: int) -> None:
    def missing() -> tuple[int, int] | None:
        counted = StoredRun.load(folder).missing
        return counted and (len(counted[0]), counted[1])

    folder = interrupted_run(tmp_path, workers, after)
    assert missing() == (12 - after, 12)
    session.resume(folder, [], False, "cpu", quiet())
    assert missing() == (0, 12)
    suite = folder / "suite.yaml"
    suite.write_text(suite.read_text().replace("simam", "no.such.module:Mine"))
    assert missing() is None


def test_incomplete_timed_unit_is_measured_as_a_whole(tmp_path: Path, workers: FakeWorkers) -> None:
    folder = session.begin(plan(tmp_path, SUITE), tmp_path / "out", "cpu", quiet())
    path, before = folder / "records.jsonl", keys(folder)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-1]) + lines[-1][:40])
    workers.jobs.clear()
    session.resume(folder, [], False, "cpu", quiet())
    [job] = workers.jobs
    assert len(job.members) == 3
    assert keys(folder) == before


def test_exact_unit_measures_only_the_missing_member(tmp_path: Path, workers: FakeWorkers) -> None:
    text = SUITE.replace(", latency: {repeats: 5}", "")
    folder = session.begin(plan(tmp_path, text), tmp_path / "out", "cpu", quiet())
    path = folder / "records.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    workers.jobs.clear()
    session.resume(folder, [], False, "cpu", quiet())
    assert [[member.cell.id for member in job.members] for job in workers.jobs] == [
        ["resnet34/simam@spatial/inference/b1/224/fp32"]
    ]


def test_failures_are_kept_until_retried(tmp_path: Path, workers: FakeWorkers) -> None:
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


def test_failure_before_interruption_skips_later_processes(tmp_path: Path, workers: FakeWorkers) -> None:
    workers.bad = {"resnet18/simam@spatial/inference/eager/b1/224/fp32"}
    folder = interrupted_run(tmp_path, workers, after=5)
    session.resume(folder, [], False, "cpu", quiet())
    bad = [record for record in read_records(folder / "records.jsonl") if record.cell in workers.bad]
    assert [record.status for record in bad] == ["failed", *["skipped"] * 4]


def test_times_of_two_machines_are_not_mixed(
    tmp_path: Path, workers: FakeWorkers, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = interrupted_run(tmp_path, workers, after=5)
    before = (folder / "records.jsonl").read_bytes()
    monkeypatch.setattr(session, "read_environment", lambda requested, execute: machine("B"))
    with pytest.raises(RunError, match=r"latency was measured in another environment \(cpu: A there, B here\)"):
        session.resume(folder, [], False, "cpu", quiet())
    assert (folder / "records.jsonl").read_bytes() == before


def test_exact_units_resume_on_another_machine(
    tmp_path: Path, workers: FakeWorkers, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = SUITE.replace(", latency: {repeats: 5}", "")
    folder = tmp_path / "out"
    workers.stop_at = 1
    with pytest.raises(KeyboardInterrupt):
        session.begin(plan(tmp_path, text), folder, "cpu", quiet())
    workers.stop_at = None
    monkeypatch.setattr(session, "read_environment", lambda requested, execute: machine("B"))
    session.resume(folder, [], False, "cpu", quiet())
    ids = [record.environment for record in read_records(folder / "records.jsonl")]
    assert ids == [machine("A").id] * 2 + [machine("B").id] * 2
    assert list(json.loads((folder / "environment.json").read_text())) == [machine("A").id, machine("B").id]


def test_only_exact_part_resumes_on_another_machine(
    tmp_path: Path, workers: FakeWorkers, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = SUITE.replace("complexity: {}, latency: {repeats: 5}", "latency: {repeats: 5}, complexity: {}")
    folder = tmp_path / "out"
    workers.stop_at = 3
    with pytest.raises(KeyboardInterrupt):
        session.begin(plan(tmp_path, text), folder, "cpu", quiet())
    workers.stop_at = None
    monkeypatch.setattr(session, "read_environment", lambda requested, execute: machine("B"))
    session.resume(folder, ["measure=complexity"], False, "cpu", quiet())
    measures = [record.measure for record in read_records(folder / "records.jsonl")]
    assert measures == ["latency"] * 9 + ["complexity"] * 4


def test_two_processes_in_one_folder_are_refused(tmp_path: Path, workers: FakeWorkers) -> None:
    folder = interrupted_run(tmp_path, workers, after=1)
    with RunDirectory.open(folder), pytest.raises(RunError, match="another process writes to"):
        session.resume(folder, [], False, "cpu", quiet())
    session.resume(folder, [], False, "cpu", quiet())


def test_resume_needs_a_run(tmp_path: Path, workers: FakeWorkers) -> None:
    with pytest.raises(RunError, match="holds no run to resume"):
        session.resume(tmp_path, [], False, "cpu", quiet())
    with pytest.raises(RunError, match="holds no run to resume"):
        session.resume(tmp_path / "nowhere", [], False, "cpu", quiet())


def test_damaged_line_is_named(tmp_path: Path, workers: FakeWorkers) -> None:
    folder = interrupted_run(tmp_path, workers, after=3)
    path = folder / "records.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], "{]\n", *lines[1:]]))
    with pytest.raises(InputError, match=r"records.jsonl:2: not a record"):
        session.resume(folder, [], False, "cpu", quiet())


def test_stored_suite_includes_command_line_settings(tmp_path: Path, workers: FakeWorkers) -> None:
    path = write(tmp_path, SUITE)
    requested = expand(load_suite(path, ["measures.latency.repeats=7"], ["backbone=resnet34"]))
    folder = session.begin(requested, tmp_path / "out", "cpu", quiet())
    assert len(workers.jobs) == 8
    assert expand(load_suite(folder / "suite.yaml")).groups == requested.groups
    session.resume(folder, [], False, "cpu", quiet())
    assert len(workers.jobs) == 8


def test_only_paper_keeps_the_placements_of_the_papers(tmp_path: Path) -> None:
    text = SUITE.replace("[none, simam]}", "[simam, se], placement: [spatial, branch_end]}").replace(
        "resnet34", "resnet50"
    )
    kept = expand(
        load_suite(write(tmp_path, text), only=["placement=paper", "measure=complexity", "backbone=resnet50"])
    )
    assert [[cell.id for cell in group.variants] for group in kept.groups] == [
        ["resnet50/simam@spatial/inference/b1/224/fp32", "resnet50/se@branch_end/inference/b1/224/fp32"]
    ]


def test_resume_with_only_restricts_the_plan(tmp_path: Path, workers: FakeWorkers) -> None:
    requested = expand(load_suite(write(tmp_path, SUITE), only=["backbone=resnet34"]))
    folder = session.begin(requested, tmp_path / "out", "cpu", quiet())
    with pytest.raises(InputError, match="--only backbone=resnet18: the suite keeps only resnet34"):
        session.resume(folder, ["backbone=resnet18"], False, "cpu", quiet())


def test_resume_stays_on_the_device(tmp_path: Path, workers: FakeWorkers, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = interrupted_run(tmp_path, workers, after=1)
    requests: list[str] = []

    def read(requested: str, execute: object) -> Environment:
        requests.append(requested)
        return machine("A")

    monkeypatch.setattr(session, "read_environment", read)
    session.resume(folder, [], False, "auto", quiet())
    assert requests == ["cpu"]


@pytest.mark.parametrize("damaged", ["{", '{"e": {"facts": "x", "state": {}}}', '{"e": {"state": {}}}'])
def test_damaged_environment_is_an_input_error(tmp_path: Path, workers: FakeWorkers, damaged: str) -> None:
    folder = interrupted_run(tmp_path, workers, after=1)
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
        (["measures.latency.repeats=x"], [], "repeats=x: measures.latency.repeats: expected an integer, not 'x'"),
        (
            ["axes.backbone=resnet18"],
            [],
            "--set axes.backbone=resnet18: axes.backbone: expected a list; write [resnet18]",
        ),
        (["axes.backbone=[resnet81]"], [], "did you mean 'resnet18'"),
        (["axis.backbone=[resnet18]"], [], "(with --set axis.backbone=[resnet18])"),
        (["name.first=x"], [], "--set name.first=x: name: this value has no keys below it"),
        (["name"], [], "--set name: write KEY=VALUE"),
        (["name=[}"], [], "--set name=[}: the value is not valid YAML"),
        (["name=!x y"], [], "YAML tags"),
        ([], ["backbone"], "--only backbone: write KEY=VALUE"),
        ([], ["backbone=resnet18", "backbone=resnet50"], "no cell has backbone resnet50; the values are resnet18"),
        (
            [],
            ["backbone=resnet50"],
            "--only backbone=resnet50: only.backbone: no cell has backbone resnet50; the values are",
        ),
        ([], ["backbon=resnet50"], "--only backbon=resnet50: no such key; did you mean 'backbone'"),
        ([], ["measure=memory"], "the suite has no measure memory; it has complexity, latency"),
    ],
)
def test_bad_settings(tmp_path: Path, settings: list[str], only: list[str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        expand(load_suite(write(tmp_path, SUITE), settings, only))
    assert message in str(caught.value)


def test_settings_in_lists_and_dotted_names(tmp_path: Path) -> None:
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


def test_machine_measure_builds_no_network(tmp_path: Path) -> None:
    text = SUITE.replace("complexity: {}", "machine: {}")
    jobs: list[Job] = []

    def execute(job: Job, timeout: float) -> Iterator[Message]:
        jobs.append(job)
        yield from ()

    check_plan(expand(load_suite(write(tmp_path, text))), execute)
    assert all(member.cell.backbone is not None for job in jobs for member in job.members)
