"""Worker processes on a network with a few hundred weights."""

import queue
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from bench.run.executors.local import Launch, LocalProcesses, OutputLines, ReceiveLine, WorkerProcess
from bench.run.messages import Died
from bench.run.runner import Runner
from bench.run.worker import finite_or_null
from bench.store.record import FailedRecord, MeasuredRecord, Record
from bench.store.shards import append_records, read_records
from bench.suite.plan import Plan
from tests.helpers import plan


def records(tmp_path: Path, how: str, receive: ReceiveLine | None = None) -> list[Record]:
    """Records of the plain network, a module with this trouble, and a good module."""
    text = f"""
        name: t
        axes:
          backbone: ["tests.helpers:tiny"]
          attention: [{{"tests.helpers:Trouble": {{how: {how}}}}}, "tests.helpers:Sigmoid"]
          placement: [{{layers: "0"}}]
        baseline: {{attention: none}}
        measures: {{"tests.helpers:Forward": {{}}}}
    """
    with LocalProcesses(receive) if receive else LocalProcesses() as execute:
        return run(plan(tmp_path, text), execute)


def run(everything: Plan, execute: LocalProcesses) -> list[Record]:
    runner = Runner(execute, "cpu", "env", on_start=lambda *arguments: None)
    return [record for _, done in runner.run(everything, {}) for record in done]


def failed_alone(plain: Record, bad: Record, good: Record) -> FailedRecord:
    """The failed record, where the others were measured."""
    assert isinstance(plain, MeasuredRecord) and isinstance(good, MeasuredRecord)
    assert isinstance(bad, FailedRecord)
    return bad


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("raise", "RuntimeError: no forward today"),
        ("nan", "ArithmeticError: 5 of 5 values of the network's output are NaN or infinite"),
        ("memory", "RuntimeError: [enforce fail at alloc_cpu.cpp"),
        ("die", "the worker was killed by SIGABRT"),
        ("segfault", "the worker was killed by SIGSEGV"),
        ("killed", "the worker was killed by SIGKILL; out of memory is the usual cause"),
        ("exit", "SystemExit: enough"),
    ],
)
def test_bad_cell_fails_alone(tmp_path: Path, how: str, reason: str) -> None:
    bad = failed_alone(*records(tmp_path, how))
    assert bad.reason.startswith(reason)
    assert (bad.traceback is not None) == (not reason.startswith("the worker"))


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (
            'import os, sys; sys.stdout.write("half of a line"); sys.stdout.flush(); os.kill(os.getpid(), 9)',
            "the worker was killed by SIGKILL",
        ),
        ('print("a line that is not a message")', "the worker sent an unreadable message"),
    ],
)
def test_half_written_and_unreadable_messages_count_as_death(code: str, reason: str) -> None:
    worker = WorkerProcess(Launch(("-c", code)))
    try:
        message = worker.message(600.0)
        assert isinstance(message, Died) and message.reason.startswith(reason)
    finally:
        worker.stop()


def test_hang_ends_at_the_timeout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = tmp_path / "hanging"
    monkeypatch.setenv("HANG_MARK", str(mark))

    def receive(lines: OutputLines, timeout: float) -> bytes | None:
        """Wait until the module starts to hang, instead of for the timeout."""
        while True:
            try:
                return lines.get(timeout=0.02)
            except queue.Empty:
                if mark.exists():
                    mark.unlink()
                    return lines.get(timeout=1)  # its earlier lines come first

    bad = failed_alone(*records(tmp_path, "hang", receive))
    assert bad.reason.startswith("no output for 600 s (the suite's timeout)")


def test_output_of_modules_is_not_a_message(tmp_path: Path) -> None:
    assert [record.status for record in records(tmp_path, "print")] == ["ok", "ok", "ok"]


@pytest.mark.parametrize(("measure", "processes"), [("Process", 1), ("TimedProcess", 6)])
def test_only_timed_jobs_get_fresh_processes(tmp_path: Path, measure: str, processes: int) -> None:
    text = f"""
        name: t
        axes: {{backbone: [resnet18, resnet50], attention: [none]}}
        baseline: {{attention: none}}
        measures: {{"tests.helpers:{measure}": {{}}}}
    """
    with LocalProcesses() as execute:
        done = run(plan(tmp_path, text), execute)
    assert len({record.values[0].samples[0] for record in done if isinstance(record, MeasuredRecord)}) == processes


def test_crash_is_noticed_and_children_are_killed(tmp_path: Path) -> None:
    """The child keeps the standard output of its parent open."""
    bad = failed_alone(*records(tmp_path, "die with a child"))
    assert bad.reason.startswith("the worker was killed by SIGABRT")
    child = int(bad.reason.rpartition("child ")[2].split()[0])
    with suppress(psutil.NoSuchProcess):
        assert psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_detached_child_ends_with_its_worker(tmp_path: Path) -> None:
    bad = failed_alone(*records(tmp_path, "detach"))
    child = int(bad.reason.rpartition("child ")[2].split()[0])
    with suppress(psutil.NoSuchProcess):
        assert psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_reason_with_a_lone_surrogate_is_stored(tmp_path: Path) -> None:
    done = records(tmp_path, "odd")
    assert "\udcff" in failed_alone(*done).reason
    append_records(tmp_path / "records.jsonl", done)
    assert [record.key for record in read_records(tmp_path / "records.jsonl")] == [record.key for record in done]


def test_nan_and_infinity_in_details_become_null() -> None:
    assert finite_or_null({"loss": float("nan"), "deep": [float("inf"), 1]}) == {"loss": None, "deep": [None, 1]}
