"""Folders with two revisions of a repository, which are removed after use.

A separate process creates and removes the folders. It removes them when its standard input closes, which happens
whenever the process that needs the folders ends, even if it is killed.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path

from bench.errors import InputError
from bench.run.git import git

WORKTREE = "WORKTREE"
"""Name of the files as they are now, with uncommitted changes, in place of a revision."""


def top_of_checkout(path: Path) -> Path:
    """The top folder of the checkout that contains a path.

    Raises:
        InputError: no checkout contains it, or git is not installed.
    """
    try:
        return Path(git(path, "rev-parse", "--show-toplevel"))
    except subprocess.CalledProcessError as error:
        raise InputError(f"{path.resolve()} is not in a git checkout: {error.stderr.strip()}") from error
    except OSError as error:
        raise InputError(f"git cannot be run: {error.strerror or error}") from error


def commit_of(top: Path, revision: str) -> str:
    """The full hash of a revision's commit.

    ``WORKTREE`` becomes a new commit, on no branch, of all files that are not ignored. Changes made during the
    measurement therefore do not affect it.

    Raises:
        InputError: the revision does not exist; the message suggests one with a similar name.
    """
    if revision == WORKTREE:
        return _commit_worktree(top)
    try:
        return git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    except subprocess.CalledProcessError as error:
        names = git(top, "for-each-ref", "--format=%(refname:short)").split()
        similar = get_close_matches(revision, names, n=1)
        hint = f"did you mean {similar[0]}?" if similar else f"write a commit, a branch, a tag, or {WORKTREE}"
        raise InputError(f"{top} has no revision {revision!r}; {hint}") from error


def _commit_worktree(top: Path) -> str:
    with tempfile.TemporaryDirectory(prefix="bench-index-") as folder:
        index = str(Path(folder) / "index")
        try:
            git(top, "read-tree", "HEAD", GIT_INDEX_FILE=index)
            git(top, "add", "--all", GIT_INDEX_FILE=index)
            tree = git(top, "write-tree", GIT_INDEX_FILE=index)
            identity = ("-c", "user.name=bench", "-c", "user.email=bench", "-c", "commit.gpgsign=false")
            return git(top, *identity, "commit-tree", tree, "-p", "HEAD", "-m", WORKTREE)
        except subprocess.CalledProcessError as error:
            raise InputError(f"git cannot make a commit of {WORKTREE}: {error.stderr.strip()}") from error


@contextmanager
def worktrees(top: Path, commits: Sequence[str]) -> Iterator[list[Path]]:
    """One folder for each commit, until the block ends.

    Raises:
        InputError: git cannot check out a commit; the message has the cause.
    """
    keeper = subprocess.Popen(
        [sys.executable, "-m", "bench.ab.worktrees", str(top), *commits],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a signal that ends this process must not end the one that cleans up
    )
    assert keeper.stdin is not None and keeper.stdout is not None and keeper.stderr is not None
    try:
        answer = keeper.stdout.readline()
        if not answer:
            raise InputError(f"git cannot make worktrees: {keeper.stderr.read().strip()}")
        yield [Path(folder) for folder in json.loads(answer)]
    finally:
        keeper.stdin.close()
        keeper.wait()
        keeper.stdout.close()
        keeper.stderr.close()


def _keep_worktrees(top: Path, commits: Sequence[str]) -> int:
    """Create the worktrees, print their folders, and remove them at the end of standard input. Returns a status."""
    home = Path(tempfile.mkdtemp(prefix="bench-ab-")).resolve()
    # The names have the same length, because the length of a path shifts the memory layout of a process.
    folders = [home / f"{number}" for number in range(len(commits))]
    try:
        for folder, commit in zip(folders, commits, strict=True):
            git(top, "worktree", "add", "--detach", str(folder), commit)
        print(json.dumps([str(folder) for folder in folders]), flush=True)
        sys.stdin.read()
    except subprocess.CalledProcessError as error:
        print(error.stderr, file=sys.stderr)
        return 1
    finally:
        # One by one: `git worktree prune` would also remove a user's worktree on a disk that is not mounted now.
        for folder in folders:
            with suppress(subprocess.CalledProcessError):
                git(top, "worktree", "remove", "--force", str(folder))
        shutil.rmtree(home, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(_keep_worktrees(Path(sys.argv[1]), sys.argv[2:]))
