"""Rounds of a calibration, with stand-ins for runs and comparisons."""

import subprocess
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from bench.commands.options import load_plan
from bench.errors import InputError, Interrupted
from bench.studies.calibration import rounds
from bench.studies.calibration.rounds import MIN_ROUNDS, ROUND_STEPS, read_rounds, record_rounds
from bench.suite.plan import Plan
from tests.factories import group, store
from tests.git import git


class FakeSessions:
    """Stands in for the sessions that measure, and records their order and the code of the revisions."""

    def __init__(self) -> None:
        self.measured: list[str] = []
        self.sources: dict[str, str] = {}
        self.interrupted_at = 99

    def begin(self, plan: Plan, path: Path, device: str, console: Console) -> None:
        self._store("run", path)

    def compare_revisions(
        self, plan: Plan, revisions: tuple[str, str], checkout: Path, path: Path, device: str, console: Console
    ) -> None:
        for revision in revisions:
            self.sources[revision] = git(checkout, "show", f"{revision}:simam/attention/simam.py")
        self._store(revisions[1], path)

    def _store(self, name: str, path: Path) -> None:
        store(path, group())
        self.measured.append(name)
        if len(self.measured) == self.interrupted_at:
            raise Interrupted("the session's message", 15)


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> FakeSessions:
    fake = FakeSessions()
    monkeypatch.setattr(rounds, "begin", fake.begin)
    monkeypatch.setattr(rounds, "compare_revisions", fake.compare_revisions)
    return fake


def measure_rounds(folder: Path, number: int) -> None:
    plans = [load_plan(Path(f"calibrate_{name}")) for name in ("compare", "ab")]
    record_rounds(plans[0], plans[1], folder, number, "cpu", Console(file=StringIO()))


def test_round_is_a_run_and_two_comparisons(tmp_path: Path, sessions: FakeSessions) -> None:
    measure_rounds(tmp_path, MIN_ROUNDS)
    assert sessions.measured == ["run", "comment", "work"] * MIN_ROUNDS
    assert {step: len(runs) for step, runs in read_rounds(tmp_path).items()} == dict.fromkeys(ROUND_STEPS, MIN_ROUNDS)


def test_revisions_of_the_temporary_repository(tmp_path: Path, sessions: FakeSessions) -> None:
    measure_rounds(tmp_path, 1)
    plain, comment, work = (sessions.sources[tag] for tag in ("plain", "comment", "work"))
    appended = comment.removeprefix(plain)
    assert appended != comment and all(line.startswith("#") for line in appended.split("\n") if line)
    assert work.startswith(plain) and "conv2d" in work.removeprefix(plain)
    compile(work, "simam.py", "exec")


def test_interrupted_step_is_repeated(tmp_path: Path, sessions: FakeSessions) -> None:
    sessions.interrupted_at = 5
    with pytest.raises(Interrupted, match="continue with the same command"):
        measure_rounds(tmp_path, 2)
    assert len(list(tmp_path.glob("[0-9]*"))) == 4
    sessions.interrupted_at = 99
    measure_rounds(tmp_path, 2)
    assert sessions.measured == ["run", "comment", "work", "run", "comment", "comment", "work"]
    assert not list(tmp_path.glob(".*.half"))


def test_too_few_rounds_name_the_option(tmp_path: Path, sessions: FakeSessions) -> None:
    measure_rounds(tmp_path, 1)
    with pytest.raises(InputError, match="--rounds 20"):
        read_rounds(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"device"', '"kernels": "0123", "device"', "several versions of simam's kernels"),
        ('"threads": 2', '"threads": 4', "several machines or torch versions"),
    ],
)
def test_rounds_must_share_machine_and_kernels(
    tmp_path: Path, sessions: FakeSessions, old: str, new: str, message: str
) -> None:
    measure_rounds(tmp_path, 2)
    path = tmp_path / "02-run" / "environment.json"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_rounds(tmp_path)


def test_missing_git_is_an_error(tmp_path: Path, sessions: FakeSessions, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*arguments: object, **options: object) -> None:
        raise FileNotFoundError("git")

    monkeypatch.setattr(subprocess, "run", missing)
    with pytest.raises(InputError, match="git cannot be run"):
        measure_rounds(tmp_path, 1)
