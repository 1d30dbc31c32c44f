"""Comparisons of two revisions of a small repository, in worker processes."""

import shutil
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

import simam
from bench.ab import session
from bench.ab.pairs import MIN_PAIRS, build_extension, paired_plan
from bench.ab.worktrees import WORKTREE
from bench.cli import app
from bench.errors import InputError, RunError
from bench.results.compare import compare_sides
from bench.run.session import resume
from bench.store.stored_run import StoredRun
from bench.suite.plan import Plan
from bench.suite.source import SuiteError
from tests.git import git
from tests.helpers import plan

SUITE = """
    name: t
    axes:
      backbone: [cifar_resnet8]
      attention: [none, simam]
      resolution: [8]
    baseline: {attention: none}
    measures: {complexity: {}, latency: {budget: 50ms}}
    gate: {latency_ratio: 1%, params: exact}
"""
OTHER_TIMED_MEASURE = '"tests.helpers:TimedProcess": {}'
PARAMETER = """

def _init(self, channels=None, e_lambda=1e-4, init=SimAM.__init__):
    init(self, channels, e_lambda)
    self.scale = nn.Parameter(nn.init.ones_(__import__("torch").empty(1)))


SimAM.__init__ = _init
"""
BROKEN = """

def _raises(self, x):
    raise RuntimeError("no forward in this revision")


SimAM.forward = _raises
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The current simam with the tags plain, comment, broken and parameter; the last one is checked out."""
    top = tmp_path_factory.mktemp("checkout")
    shutil.copytree(Path(simam.__file__).parent, top / "simam", ignore=shutil.ignore_patterns("__pycache__"))
    module = top / "simam/attention/simam.py"
    plain = module.read_text(encoding="utf-8")
    git(top, "init", "--quiet")
    for tag, more in (("plain", ""), ("comment", "\n# Nothing.\n"), ("broken", BROKEN), ("parameter", PARAMETER)):
        module.write_text(plain + more, encoding="utf-8")
        git(top, "add", ".")
        git(top, "commit", "--quiet", "-m", tag)
        git(top, "tag", tag)
    return top


@pytest.fixture(autouse=True)
def two_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pairs of processes suffice to test what happens in the second one."""

    def shortened(everything: Plan) -> Plan:
        groups = paired_plan(everything).groups
        shorter = (replace(group, seeds=(None,) * min(2, len(group.seeds))) for group in groups)
        return Plan(everything.suite, tuple(shorter))

    monkeypatch.setattr(session, "paired_plan", shortened)
    # Other tests keep the machine busy, which would repeat every pair.
    monkeypatch.setattr(session, "was_too_disturbed", lambda records: False)


def run(tmp_path: Path, checkout: Path, a: str, b: str, text: str = SUITE) -> StoredRun:
    console = Console(file=StringIO())
    folder = session.compare_revisions(plan(tmp_path, text), (a, b), checkout, tmp_path / "ab", "cpu", console)
    return StoredRun.load(folder)


def test_revision_with_one_parameter_more_regresses(tmp_path: Path, checkout: Path) -> None:
    """Each revision is measured with its own simam."""
    compared = run(tmp_path, checkout, "plain", WORKTREE)
    frame = compared.frame
    assert set(frame["status"]) == {"ok"}
    params = frame[frame["value"] == "params"].set_index(["attention", "role"])["median"]
    assert params["none", "baseline"] == params["none", "variant"]
    assert params["simam", "variant"] == params["simam", "baseline"] + 3  # one for each of three modules
    kinds = {(verdict.value, verdict.cell.split("/")[1]): verdict.kind for verdict in compare_sides(compared)}
    assert kinds["params", "simam@spatial"] == "regressed" and kinds["params", "none"] == "unchanged"
    times = frame[frame["value"] == "latency"]
    assert len(times) == 8  # two networks, two revisions, two pairs of processes
    for _, pair in times.groupby(["cell", "repeat"]):
        first, second = pair.to_dict("records")
        assert len(first["samples"]) == len(second["samples"])
        assert first["details"]["iterations"] == second["details"]["iterations"]
    assert len(set(frame["environment"])) == 2
    assert [side.revision for side in compared.sides.values()] == ["plain", WORKTREE]
    assert len(git(checkout, "worktree", "list").splitlines()) == 1


@pytest.mark.parametrize("repeated", [False, True])
def test_failure_of_one_revision_fails_alone(
    tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch, repeated: bool
) -> None:
    monkeypatch.setattr(session, "was_too_disturbed", lambda records: repeated)
    monkeypatch.setattr(session, "worth_repeating", list)
    text = SUITE.replace("complexity: {}, ", "").replace(", params: exact", "")
    compared = run(tmp_path, checkout, "comment", "broken", text)
    frame = compared.frame
    missing = frame[frame["status"] != "ok"]
    assert list(zip(missing["role"], missing["repeat"], missing["status"], strict=True)) == [
        ("variant", 0, "failed"),
        ("baseline", 1, "skipped"),
        ("variant", 1, "skipped"),
    ]
    assert missing.iloc[0]["reason"] == "RuntimeError: no forward in this revision"
    assert sorted(frame[frame["status"] == "ok"]["repeat"]) == [0, 0, 1, 1]  # the plain network, of both revisions
    kinds = {verdict.cell.split("/")[1]: verdict.kind for verdict in compare_sides(compared)}
    assert kinds.keys() == {"none", "simam@spatial"} and kinds["simam@spatial"] == "failed"


def test_comparison_cannot_be_compared_or_resumed(tmp_path: Path, checkout: Path) -> None:
    text = SUITE.replace(", latency: {budget: 50ms}", "").replace("latency_ratio: 1%, ", "")
    compared = run(tmp_path, checkout, "plain", "comment", text)
    assert {verdict.kind for verdict in compare_sides(compared)} == {"unchanged"}
    done = CliRunner().invoke(app, ["compare", compared.name, compared.name])
    assert done.exit_code == 2 and "compares two revisions" in done.output
    with pytest.raises(RunError, match="compares two revisions"):
        resume(compared.path, [], False, "cpu", Console(file=StringIO()))


def test_at_least_six_pairs_of_latency_only(tmp_path: Path) -> None:
    few = plan(tmp_path, SUITE.replace("budget: 50ms", "repeats: 5"))
    assert {len(group.seeds) for group in paired_plan(few).groups if group.timed} == {MIN_PAIRS}
    many = plan(tmp_path, SUITE.replace("budget: 50ms", "repeats: 9"))
    assert {len(group.seeds) for group in paired_plan(many).groups if group.timed} == {9}
    with pytest.raises(SuiteError, match="--only measure=latency"):
        paired_plan(
            plan(
                tmp_path,
                SUITE.replace("latency: {budget: 50ms}", OTHER_TIMED_MEASURE).replace("latency_ratio: 1%, ", ""),
            )
        )


def test_extension_is_built_in_its_tree(tmp_path: Path) -> None:
    build_extension(tmp_path)  # nothing to build
    (tmp_path / "setup.py").write_text("import sys; open('built', 'w').write(' '.join(sys.argv))", encoding="utf-8")
    build_extension(tmp_path)
    assert (tmp_path / "built").read_text(encoding="utf-8") == "setup.py build_ext --inplace"
    (tmp_path / "setup.py").write_text("raise SystemExit('no compiler')", encoding="utf-8")
    with pytest.raises(InputError, match="does not build: no compiler"):
        build_extension(tmp_path)
