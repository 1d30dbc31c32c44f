"""Rounds are made the way users make their runs; here what makes them is played."""

import subprocess
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from bench.errors import InputError, Interrupted
from bench.studies.calibration import rounds as calibrate
from bench.studies.calibration.rounds import KINDS, LEAST, read, record
from bench.suite.load import load_suite
from bench.suite.plan import Plan, expand
from tests.factories import group, store
from tests.git import git

SUITES = Path(__file__).parents[3] / "suites"


class Played:
    """Stands in for a run and for a comparison, and keeps an account."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.sources: dict[str, str] = {}
        self.interrupts_at = 99

    def begin(self, plan: Plan, path: Path, device: str, console: Console) -> None:
        self._make("run", path)

    def compare(
        self, plan: Plan, revisions: tuple[str, str], checkout: Path, path: Path, device: str, console: Console
    ) -> None:
        for revision in revisions:
            self.sources[revision] = git(checkout, "show", f"{revision}:simam/attention/simam.py")
        self._make(revisions[1], path)

    def _make(self, what: str, path: Path) -> None:
        store(path, group())
        self.made.append(what)
        if len(self.made) == self.interrupts_at:
            raise Interrupted("from below", 15)


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    found = Played()
    monkeypatch.setattr(calibrate, "begin", found.begin)
    monkeypatch.setattr(calibrate, "compare_revisions", found.compare)
    return found


def go(folder: Path, rounds: int) -> None:
    plans = [expand(load_suite(SUITES / f"calibrate_{name}.yaml")) for name in ("compare", "ab")]
    record(plans[0], plans[1], folder, rounds, "cpu", Console(file=StringIO()))


def test_a_round_is_a_run_and_two_comparisons(tmp_path: Path, played: Played) -> None:
    go(tmp_path, LEAST)
    assert played.made == ["run", "comment", "work"] * LEAST
    assert {kind: len(rounds) for kind, rounds in read(tmp_path).items()} == dict.fromkeys(KINDS, LEAST)


def test_the_revisions_are_our_own_code_one_with_more_work(tmp_path: Path, played: Played) -> None:
    go(tmp_path, 1)
    plain, comment, work = (played.sources[tag] for tag in ("plain", "comment", "work"))
    assert comment.startswith(plain) and all(line.startswith("#") for line in comment[len(plain) :].split("\n") if line)
    assert work.startswith(plain) and "conv2d" in work[len(plain) :]
    compile(work, "simam.py", "exec")


def test_rounds_that_are_there_are_kept_and_half_ones_begun_again(tmp_path: Path, played: Played) -> None:
    played.interrupts_at = 5
    with pytest.raises(Interrupted, match="go on with the same command"):
        go(tmp_path, 2)
    assert len(list(tmp_path.glob("[0-9]*"))) == 4
    played.interrupts_at = 99
    go(tmp_path, 2)
    assert played.made == ["run", "comment", "work", "run", "comment", "comment", "work"]
    assert not list(tmp_path.glob(".*.half"))


def test_too_few_rounds_are_an_error_that_says_how_to_get_more(tmp_path: Path, played: Played) -> None:
    go(tmp_path, 1)
    with pytest.raises(InputError, match="--rounds 20"):
        read(tmp_path)


def test_runs_of_other_kernels_are_not_identical_code(tmp_path: Path, played: Played) -> None:
    go(tmp_path, 2)
    path = tmp_path / "02-run" / "environment.json"
    path.write_text(path.read_text().replace('"device"', '"kernels": "0123", "device"'), encoding="utf-8")
    with pytest.raises(InputError, match="several versions of simam's kernels"):
        read(tmp_path)


def test_without_git_it_says_so(tmp_path: Path, played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*arguments: object, **options: object) -> None:
        raise FileNotFoundError("git")

    monkeypatch.setattr(subprocess, "run", missing)
    with pytest.raises(InputError, match="git cannot be run"):
        go(tmp_path, 1)
