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
        InputError: the revision does not exist, and the message suggests one with a similar name; or a submodule has
            uncommitted changes, which ``WORKTREE`` cannot include.
    """
    if revision == WORKTREE:
        return _commit_worktree(top)
    try:
        return git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    except subprocess.CalledProcessError as error:
        if git(top, "rev-parse", "--is-shallow-repository") == "true":
            raise InputError(
                f"{top} is a shallow clone and has no revision {revision!r}; fetch all revisions with `git fetch "
                "--unshallow`, or in GitHub Actions with `fetch-depth: 0` for actions/checkout"
            ) from error
        names = git(top, "for-each-ref", "--format=%(refname:short)").split()
        similar = get_close_matches(revision, names, n=1)
        hint = f"did you mean {similar[0]}?" if similar else f"write a commit, a branch, a tag, or {WORKTREE}"
        raise InputError(f"{top} has no revision {revision!r}; {hint}") from error


def _commit_worktree(top: Path) -> str:
    for path, _ in _submodules(top, "HEAD"):
        if _is_checked_out(top / path) and git(top / path, "status", "--porcelain"):
            raise InputError(
                f"the submodule {path} has uncommitted changes, which {WORKTREE} does not include; commit them"
            )
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


def _submodules(repository: Path, commit: str) -> Iterator[tuple[str, str]]:
    """Path and commit of each submodule of a commit."""
    for entry in git(repository, "ls-tree", "-r", "-z", commit).split("\0"):
        fields, _, path = entry.partition("\t")
        if fields.startswith("160000 commit "):
            yield path, fields.removeprefix("160000 commit ")


def _is_checked_out(submodule: Path) -> bool:
    return (submodule / ".git").exists()


@contextmanager
def worktrees(top: Path, commits: Sequence[str]) -> Iterator[list[Path]]:
    """One folder for each commit, until the block ends. Submodules that are checked out in ``top`` are in them too.

    Raises:
        InputError: git cannot check out a commit, or that of a submodule; the message has the cause.
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
    added: list[tuple[Path, Path]] = []
    try:
        for folder, commit in zip(folders, commits, strict=True):
            _add_worktree(top, commit, folder, added)
        print(json.dumps([str(folder) for folder in folders]), flush=True)
        sys.stdin.read()
    except subprocess.CalledProcessError as error:
        print(error.stderr, file=sys.stderr)
        return 1
    finally:
        # One by one: `git worktree prune` would also remove a user's worktree on a disk that is not mounted now.
        for repository, folder in reversed(added):
            with suppress(subprocess.CalledProcessError):
                git(repository, "worktree", "remove", "--force", str(folder))
        shutil.rmtree(home, ignore_errors=True)
    return 0


def _add_worktree(repository: Path, commit: str, folder: Path, added: list[tuple[Path, Path]]) -> None:
    """Check out a commit and its submodules, and append each repository with its new folder to ``added``.

    A submodule comes from the repository that is checked out in its place, so that nothing is fetched. One that is not
    checked out there cannot be needed by the current files either, and stays empty.

    Raises:
        subprocess.CalledProcessError: git fails; ``stderr`` has the cause.
    """
    added.append((repository, folder))
    git(repository, "worktree", "add", "--detach", str(folder), commit)
    for path, name in _submodules(repository, commit):
        if _is_checked_out(repository / path):
            try:
                _add_worktree(repository / path, name, folder / path, added)
            except subprocess.CalledProcessError as error:
                remedy = f"fetch it with `git -C {path} fetch`, or `git submodule update --init --recursive`"
                error.stderr = f"the submodule {path} has no commit {name[:12]}; {remedy} ({error.stderr.strip()})"
                raise


if __name__ == "__main__":
    sys.exit(_keep_worktrees(Path(sys.argv[1]), sys.argv[2:]))
