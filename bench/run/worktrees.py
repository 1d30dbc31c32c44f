"""Two revisions of a repository as folders, for as long as somebody needs them.

The folders are made, and taken away, by a process of their own that waits for the end of its standard input. However
the process that asked for them ends, killed or not, that end comes.
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
"""In place of a revision: the checkout as it is, changes and all."""


def repository(path: Path) -> Path:
    """The top of the checkout that a path lies in.

    Raises:
        InputError: it lies in none, or there is no git.
    """
    try:
        return Path(git(path, "rev-parse", "--show-toplevel"))
    except subprocess.CalledProcessError as error:
        raise InputError(f"{path.resolve()} is no checkout to compare revisions of: {error.stderr.strip()}") from error
    except OSError as error:
        raise InputError(f"git cannot be run: {error.strerror or error}") from error


def commit(top: Path, revision: str) -> str:
    """The full name of the commit that a revision stands for.

    For ``WORKTREE`` that is one made for the purpose, on no branch, of all that lies there and is not ignored: what is
    edited while it is measured does not change it.

    Raises:
        InputError: there is no such revision; the message names those with similar names.
    """
    if revision == WORKTREE:
        return _snapshot(top)
    try:
        return git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    except subprocess.CalledProcessError as error:
        there = git(top, "for-each-ref", "--format=%(refname:short)").split()
        near = get_close_matches(revision, there, n=1)
        hint = f"did you mean {near[0]}?" if near else f"write a commit, a branch, a tag, or {WORKTREE}"
        raise InputError(f"{top} has no revision {revision!r}; {hint}") from error


def _snapshot(top: Path) -> str:
    with tempfile.TemporaryDirectory(prefix="bench-index-") as folder:
        index = str(Path(folder) / "index")
        try:
            git(top, "read-tree", "HEAD", GIT_INDEX_FILE=index)
            git(top, "add", "--all", GIT_INDEX_FILE=index)
            tree = git(top, "write-tree", GIT_INDEX_FILE=index)
            who = ("-c", "user.name=bench", "-c", "user.email=bench", "-c", "commit.gpgsign=false")
            return git(top, *who, "commit-tree", tree, "-p", "HEAD", "-m", WORKTREE)
        except subprocess.CalledProcessError as error:
            raise InputError(f"git cannot take {WORKTREE} down: {error.stderr.strip()}") from error


@contextmanager
def worktrees(top: Path, commits: Sequence[str]) -> Iterator[list[Path]]:
    """A folder for each commit, gone when the block is left.

    Raises:
        InputError: git cannot check a commit out; the message is its own.
    """
    keeper = subprocess.Popen(
        [sys.executable, "-m", "bench.run.worktrees", str(top), *commits],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # what ends this process must not end the one that cleans up after it
    )
    assert keeper.stdin is not None and keeper.stdout is not None and keeper.stderr is not None
    try:
        answer = keeper.stdout.readline()
        if not answer:
            raise InputError(f"git cannot make worktrees: {keeper.stderr.read().strip()}")
        yield [Path(each) for each in json.loads(answer)]
    finally:
        keeper.stdin.close()
        keeper.wait()
        keeper.stdout.close()
        keeper.stderr.close()


def _keep(top: Path, commits: Sequence[str]) -> int:
    home = Path(tempfile.mkdtemp(prefix="bench-ab-")).resolve()
    # Names of one length: the length of a path moves what lies in memory after it.
    folders = [home / f"{number}" for number in range(len(commits))]
    try:
        for folder, name in zip(folders, commits, strict=True):
            git(top, "worktree", "add", "--detach", str(folder), name)
        print(json.dumps([str(folder) for folder in folders]), flush=True)
        sys.stdin.read()
    except subprocess.CalledProcessError as error:
        print(error.stderr, file=sys.stderr)
        return 1
    finally:
        # Ours alone: `git worktree prune` would drop a user's worktree that is on a disk that is not there now.
        for folder in folders:
            with suppress(subprocess.CalledProcessError):
                git(top, "worktree", "remove", "--force", str(folder))
        shutil.rmtree(home, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(_keep(Path(sys.argv[1]), sys.argv[2:]))
