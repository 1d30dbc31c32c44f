"""Worktrees of a small repository."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from bench.ab.worktrees import WORKTREE, commit_of, top_of_checkout, worktrees
from bench.errors import InputError
from tests.git import git

ROOT = Path(__file__).parents[3]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with the tags one and two, and an uncommitted change."""
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


def test_worktrees_of_two_revisions_are_removed(checkout: Path) -> None:
    with worktrees(checkout, [commit_of(checkout, "one"), commit_of(checkout, "two")]) as (first, second):
        assert (first / "file").read_text(encoding="utf-8") == "one"
        assert (second / "file").read_text(encoding="utf-8") == "two"
        assert len(str(first)) == len(str(second))
    assert not first.exists() and not first.parent.exists()
    assert git(checkout, "worktree", "list").splitlines() == [git(checkout, "worktree", "list")]
    assert (checkout / "file").read_text(encoding="utf-8") == "changed"


def test_user_worktree_on_unmounted_disk_is_kept(checkout: Path, tmp_path: Path) -> None:
    mounted, unmounted = tmp_path / "mounted", tmp_path / "unmounted"
    git(checkout, "worktree", "add", "--detach", str(mounted), "one")
    mounted.rename(unmounted)
    with worktrees(checkout, [commit_of(checkout, "one")]):
        pass
    unmounted.rename(mounted)
    assert git(mounted, "rev-parse", "HEAD") == git(checkout, "rev-parse", "one")
    assert len(git(checkout, "worktree", "list").splitlines()) == 2


def test_worktree_includes_uncommitted_files(checkout: Path) -> None:
    (checkout / "new").write_text("not added", encoding="utf-8")
    (checkout / ".gitignore").write_text("ignored\n", encoding="utf-8")
    (checkout / "ignored").write_text("", encoding="utf-8")
    before = git(checkout, "status", "--porcelain")
    with worktrees(checkout, [commit_of(checkout, WORKTREE)]) as [folder]:
        (checkout / "file").write_text("edited later", encoding="utf-8")
        assert (folder / "file").read_text(encoding="utf-8") == "changed"
        assert (folder / "new").exists() and not (folder / "ignored").exists()
    # The index and the branch are unchanged.
    assert git(checkout, "status", "--porcelain") == before
    assert git(checkout, "rev-parse", "HEAD") == git(checkout, "rev-parse", "two")


@pytest.fixture
def with_submodule(checkout: Path, tmp_path: Path) -> Path:
    """The repository with a submodule ``lib``, whose commit moves between the tags three and four."""
    library = tmp_path / "library"
    library.mkdir()
    git(library, "init", "--quiet")
    (library / "width").write_text("1", encoding="utf-8")
    git(library, "add", ".")
    git(library, "commit", "--quiet", "-m", "one")
    git(checkout, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library), "lib")
    git(checkout, "commit", "--quiet", "-am", "three")
    git(checkout, "tag", "three")
    (checkout / "lib/width").write_text("2", encoding="utf-8")
    git(checkout / "lib", "commit", "--quiet", "-am", "two")
    git(checkout, "commit", "--quiet", "-am", "four")
    git(checkout, "tag", "four")
    return checkout


def test_submodules_are_checked_out_at_their_commits(with_submodule: Path) -> None:
    commits = [commit_of(with_submodule, tag) for tag in ("three", "four")]
    with worktrees(with_submodule, commits) as folders:
        assert [(folder / "lib/width").read_text(encoding="utf-8") for folder in folders] == ["1", "2"]
    assert not folders[0].exists()
    for repository in (with_submodule, with_submodule / "lib"):
        assert len(git(repository, "worktree", "list").splitlines()) == 1


def test_missing_commit_of_a_submodule_is_named(with_submodule: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    allow = ("-c", "protocol.file.allow=always")
    git(tmp_path, *allow, "clone", "--quiet", "--no-local", str(with_submodule), str(clone))
    git(clone, *allow, "checkout", "--quiet", "three")
    git(clone, *allow, "submodule", "--quiet", "update", "--init")  # without the commit of four, which has no branch
    with (
        pytest.raises(InputError, match=r"the submodule lib has no commit .*git submodule update"),
        worktrees(clone, [commit_of(clone, "four")]),
    ):
        pass


def test_uncommitted_changes_of_a_submodule_are_refused(with_submodule: Path) -> None:
    (with_submodule / "lib/width").write_text("3", encoding="utf-8")
    with pytest.raises(InputError, match="the submodule lib has uncommitted changes"):
        commit_of(with_submodule, WORKTREE)


def test_shallow_clone_is_named(checkout: Path, tmp_path: Path) -> None:
    base, shallow = git(checkout, "rev-parse", "one"), tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{checkout}", str(shallow))
    with pytest.raises(InputError, match=r"shallow clone.*fetch-depth: 0"):
        commit_of(shallow, base)


def test_same_revision_twice(checkout: Path) -> None:
    name = commit_of(checkout, "one")
    with worktrees(checkout, [name, name]) as folders:
        assert len({(folder / "file").read_text(encoding="utf-8") for folder in folders}) == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_worktrees_are_removed_after_a_kill(checkout: Path, number: signal.Signals) -> None:
    code = f"""
import sys
from pathlib import Path
from bench.ab.worktrees import commit_of, worktrees
top = Path({str(checkout)!r})
with worktrees(top, [commit_of(top, "one")]) as [folder]:
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


def test_unknown_revision_suggests_a_similar_one(checkout: Path) -> None:
    with pytest.raises(InputError, match=r"has no revision 'oen'; did you mean one\?"):
        commit_of(checkout, "oen")
    with pytest.raises(InputError, match=f"write a commit, a branch, a tag, or {WORKTREE}"):
        commit_of(checkout, "--help")


def test_folder_outside_a_checkout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is not in a git checkout: .*not a git repository"):
        top_of_checkout(tmp_path)


def test_error_message_of_git_is_included(checkout: Path) -> None:
    with (
        pytest.raises(InputError, match=r"git cannot make worktrees: .*invalid reference"),
        worktrees(checkout, ["0" * 40]),
    ):
        pass
