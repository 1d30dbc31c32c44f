"""Real worker processes on a network of a few hundred weights."""

import queue
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from bench.results.record import Record, append_records, read_records
from bench.run.executor import Launch, Lines, LocalProcesses, Receive, WorkerProcess
from bench.run.runner import Runner
from bench.run.worker import _without_nan
from bench.suite.plan import Plan
from tests.helpers import plan


def records(tmp_path: Path, how: str, receive: Receive | None = None) -> list[Record]:
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
        return carry_out(plan(tmp_path, text), execute)


def carry_out(everything: Plan, execute: LocalProcesses) -> list[Record]:
    runner = Runner(execute, "cpu", "env", on_start=lambda *told: None)
    return [record for _, done in runner.run(everything, {}) for record in done]


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
def test_one_bad_cell_is_a_failed_record_and_the_rest_is_measured(tmp_path: Path, how: str, reason: str) -> None:
    plain, bad, good = records(tmp_path, how)
    assert (plain.status, bad.status, good.status) == ("ok", "failed", "ok")
    assert bad.reason is not None and bad.reason.startswith(reason)
    assert (bad.traceback is not None) == (not reason.startswith("the worker"))


def test_a_worker_that_dies_while_it_writes_is_one_that_died() -> None:
    code = 'import os, sys; sys.stdout.write("half of a line"); sys.stdout.flush(); os.kill(os.getpid(), 9)'
    worker = WorkerProcess(Launch(("-c", code)))
    try:
        assert worker.message(600.0)["died"].startswith("the worker was killed by SIGKILL")
    finally:
        worker.stop()


def test_a_hang_ends_when_patience_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = tmp_path / "hanging"
    monkeypatch.setenv("HANG_MARK", str(mark))

    def receive(lines: Lines, timeout: float) -> bytes | None:
        """Patient until the module says that it hangs from now on."""
        while True:
            try:
                return lines.get(timeout=0.02)
            except queue.Empty:
                if mark.exists():
                    mark.unlink()
                    return lines.get(timeout=1)  # what it said before that is still to be told

    plain, bad, good = records(tmp_path, "hang", receive)
    assert (plain.status, bad.status, good.status) == ("ok", "failed", "ok")
    assert bad.reason is not None and bad.reason.startswith("no sign of life for 600 s (the suite's timeout)")


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
        done = carry_out(plan(tmp_path, text), execute)
    assert len({record.values[0].samples[0] for record in done}) == processes


def test_a_crash_is_told_though_a_child_keeps_the_output_open_and_no_child_is_left(tmp_path: Path) -> None:
    plain, bad, good = records(tmp_path, "die with a child")
    assert (plain.status, bad.status, good.status) == ("ok", "failed", "ok")
    assert bad.reason is not None and bad.reason.startswith("the worker was killed by SIGABRT")
    child = int((bad.reason or "").rpartition("child ")[2].split()[0])
    with suppress(psutil.NoSuchProcess):
        assert psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_what_a_record_cannot_hold_is_not_lost(tmp_path: Path) -> None:
    _, bad, _ = done = records(tmp_path, "odd")
    assert bad.status == "failed" and "\udcff" in (bad.reason or "")
    append_records(tmp_path / "records.jsonl", done)
    assert [record.key for record in read_records(tmp_path / "records.jsonl")] == [record.key for record in done]


def test_details_without_a_number_are_null() -> None:
    assert _without_nan({"loss": float("nan"), "deep": [float("inf"), 1]}) == {"loss": None, "deep": [None, 1]}
