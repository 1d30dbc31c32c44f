import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from bench.errors import InputError
from bench.ab.worktrees import WORKTREE, commit, repository, worktrees

ROOT = Path(__file__).parents[3]


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with the tags one and two, and a change that is not committed."""
    top = tmp_path / "checkout"
    top.mkdir()
    git(top, "init", "--quiet")
    for tag in ("one", "two"):
        (top / "file").write_text(tag, encoding="utf-8")
        git(top, "add", ".")
        git(top, "commit", "--quiet", "-m", tag)
        git(top, "tag", tag)
    (top / "file").write_text("changed", encoding="utf-8")
    return top


def test_two_revisions_lie_beside_one_another_and_go(checkout: Path) -> None:
    with worktrees(checkout, [commit(checkout, "one"), commit(checkout, "two")]) as (first, second):
        assert (first / "file").read_text(encoding="utf-8") == "one"
        assert (second / "file").read_text(encoding="utf-8") == "two"
        assert len(str(first)) == len(str(second))
    assert not first.exists() and not first.parent.exists()
    assert git(checkout, "worktree", "list").splitlines() == [git(checkout, "worktree", "list")]
    assert (checkout / "file").read_text(encoding="utf-8") == "changed"


def test_a_worktree_of_the_user_is_left_alone_where_its_folder_is_away(checkout: Path, tmp_path: Path) -> None:
    theirs, away = tmp_path / "theirs", tmp_path / "away"
    git(checkout, "worktree", "add", "--detach", str(theirs), "one")
    theirs.rename(away)
    with worktrees(checkout, [commit(checkout, "one")]):
        pass
    away.rename(theirs)
    assert git(theirs, "rev-parse", "HEAD") == git(checkout, "rev-parse", "one")
    assert len(git(checkout, "worktree", "list").splitlines()) == 2


def test_the_worktree_is_taken_as_it_lies_there(checkout: Path) -> None:
    (checkout / "new").write_text("not added", encoding="utf-8")
    (checkout / ".gitignore").write_text("ignored\n", encoding="utf-8")
    (checkout / "ignored").write_text("", encoding="utf-8")
    before = git(checkout, "status", "--porcelain")
    with worktrees(checkout, [commit(checkout, WORKTREE)]) as [folder]:
        (checkout / "file").write_text("edited meanwhile", encoding="utf-8")
        assert (folder / "file").read_text(encoding="utf-8") == "changed"
        assert (folder / "new").exists() and not (folder / "ignored").exists()
    # Neither the index nor a branch has moved.
    assert git(checkout, "status", "--porcelain") == before
    assert git(checkout, "rev-parse", "HEAD") == git(checkout, "rev-parse", "two")


def test_the_same_revision_twice(checkout: Path) -> None:
    name = commit(checkout, "one")
    with worktrees(checkout, [name, name]) as folders:
        assert len({(folder / "file").read_text(encoding="utf-8") for folder in folders}) == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_worktree_is_left_behind_when_killed(checkout: Path, number: signal.Signals) -> None:
    code = f"""
import sys
from pathlib import Path
from bench.ab.worktrees import commit, worktrees
top = Path({str(checkout)!r})
with worktrees(top, [commit(top, "one")]) as [folder]:
    print(folder, flush=True)
    sys.stdin.read()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    folder = Path(process.stdout.readline().strip())
    assert folder.is_dir()
    [keeper] = psutil.Process(process.pid).children()
    os.kill(process.pid, number)
    process.communicate()
    psutil.wait_procs([keeper], timeout=60)
    assert not folder.exists()
    assert len(git(checkout, "worktree", "list").splitlines()) == 1


def test_an_unknown_revision_is_refused_with_the_one_that_was_meant(checkout: Path) -> None:
    with pytest.raises(InputError, match=r"has no revision 'oen'; did you mean one\?"):
        commit(checkout, "oen")
    with pytest.raises(InputError, match=f"write a commit, a branch, a tag, or {WORKTREE}"):
        commit(checkout, "--help")


def test_a_folder_outside_any_checkout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is no checkout to compare revisions of: .*not a git repository"):
        repository(tmp_path)


def test_what_git_says_is_passed_on(checkout: Path) -> None:
    with (
        pytest.raises(InputError, match=r"git cannot make worktrees: .*invalid reference"),
        worktrees(checkout, ["0" * 40]),
    ):
        pass
