"""Two revisions of a small repository, in real processes."""

import shutil
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

import simam
from bench.errors import InputError
from bench.store.frame import load_frame
from bench.ab import session as revisions
from bench.ab.pairs import PAIRS, build_extension, paired_plan
from bench.store.directory import RunError
from bench.ab.session import compare_revisions
from bench.run.session import resume
from bench.store.stored_run import compare, judge_sides
from bench.ab.worktrees import WORKTREE
from bench.suite.plan import Plan
from bench.suite.source import SuiteError
from tests.bench.ab.test_worktrees import git
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
OTHER = '"tests.helpers:TimedProcess": {}'
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
    """Our own simam at the tags plain, comment, parameter and broken; parameter lies there uncommitted, too."""
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
    """Two processes a side are enough to see what happens in the second."""

    def few(everything: Plan) -> Plan:
        groups = paired_plan(everything).groups
        return Plan(everything.suite, tuple(replace(each, seeds=(None,) * min(2, len(each.seeds))) for each in groups))

    monkeypatch.setattr(revisions, "paired_plan", few)


def run(tmp_path: Path, checkout: Path, a: str, b: str, text: str = SUITE) -> Path:
    return compare_revisions(plan(tmp_path, text), (a, b), checkout, tmp_path / "ab", "cpu", Console(file=StringIO()))


def test_each_side_has_its_own_simam_and_one_parameter_more_is_found(tmp_path: Path, checkout: Path) -> None:
    folder = run(tmp_path, checkout, "plain", WORKTREE)
    frame = load_frame(folder)
    assert set(frame["status"]) == {"ok"}
    params = frame[frame["value"] == "params"].set_index(["attention", "role"])["median"]
    assert params["none", "baseline"] == params["none", "variant"]
    assert params["simam", "variant"] == params["simam", "baseline"] + 3  # one for each of its three places
    kinds = {(each.value, each.cell.split("/")[1]): each.kind for each in judge_sides(folder)}
    assert kinds["params", "simam@spatial"] == "regressed" and kinds["params", "none"] == "unchanged"
    times = frame[frame["value"] == "latency"]
    assert len(times) == 8  # the plain network and SimAM's, on two sides, in two pairs of processes
    for _, pair in times.groupby(["cell", "repeat"]):
        first, second = pair.to_dict("records")
        assert len(first["samples"]) == len(second["samples"])
        assert first["details"]["iterations"] == second["details"]["iterations"]
    assert len(set(frame["environment"])) == 2
    assert len(git(checkout, "worktree", "list").splitlines()) == 1


def test_what_fails_on_one_side_is_a_record_and_the_rest_is_measured(tmp_path: Path, checkout: Path) -> None:
    text = SUITE.replace("complexity: {}, ", "").replace(", params: exact", "")
    folder = run(tmp_path, checkout, "comment", "broken", text)
    frame = load_frame(folder)
    wrong = frame[frame["status"] != "ok"]
    assert list(zip(wrong["role"], wrong["repeat"], wrong["status"], strict=True)) == [
        ("variant", 0, "failed"),
        ("baseline", 1, "skipped"),
        ("variant", 1, "skipped"),
    ]
    assert wrong.iloc[0]["reason"] == "RuntimeError: no forward in this revision"
    assert sorted(frame[frame["status"] == "ok"]["repeat"]) == [0, 0, 1, 1]  # the plain network, on both sides
    kinds = {each.cell.split("/")[1]: each.kind for each in judge_sides(folder)}
    assert kinds.keys() == {"none", "simam@spatial"} and kinds["simam@spatial"] == "failed"


def test_its_folder_is_no_run(tmp_path: Path, checkout: Path) -> None:
    text = SUITE.replace(", latency: {budget: 50ms}", "").replace("latency_ratio: 1%, ", "")
    folder = run(tmp_path, checkout, "plain", "comment", text)
    assert {each.kind for each in judge_sides(folder)} == {"unchanged"}
    with pytest.raises(RunError, match="compares two revisions"):
        compare(folder, folder)
    with pytest.raises(RunError, match="compares two revisions"):
        resume(folder, [], False, "cpu", Console(file=StringIO()))


def test_at_least_six_pairs_and_only_what_can_be_paired(tmp_path: Path) -> None:
    few = plan(tmp_path, SUITE.replace("budget: 50ms", "repeats: 5"))
    assert {len(group.seeds) for group in paired_plan(few).groups if group.timed} == {PAIRS}
    many = plan(tmp_path, SUITE.replace("budget: 50ms", "repeats: 9"))
    assert {len(group.seeds) for group in paired_plan(many).groups if group.timed} == {9}
    with pytest.raises(SuiteError, match="--only measure=latency"):
        paired_plan(plan(tmp_path, SUITE.replace("latency: {budget: 50ms}", OTHER).replace("latency_ratio: 1%, ", "")))


def test_an_extension_is_built_in_its_tree(tmp_path: Path) -> None:
    build_extension(tmp_path)  # nothing to build
    (tmp_path / "setup.py").write_text("import sys; open('built', 'w').write(' '.join(sys.argv))", encoding="utf-8")
    build_extension(tmp_path)
    assert (tmp_path / "built").read_text(encoding="utf-8") == "setup.py build_ext --inplace"
    (tmp_path / "setup.py").write_text("raise SystemExit('no compiler today')", encoding="utf-8")
    with pytest.raises(InputError, match="does not build: no compiler today"):
        build_extension(tmp_path)
