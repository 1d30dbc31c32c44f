"""Records for judging the judge: the same code against itself, and against itself with a little more work.

A round is one run, one comparison of two revisions that do the same, and one of a revision with another that does more.
Each is made the way users make theirs, and lies in a folder of its own, so rounds can be added at any time.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.markup import escape

import simam
from bench.ab.session import compare_revisions
from bench.errors import InputError, Interrupted
from bench.results.compare import Stored, facts_of
from bench.run.git import git
from bench.run.session import begin
from bench.store.stored_run import read_any
from bench.suite.plan import Plan

COMMENT = "\n# Another comment, the same code.\n"
WORK = """

def _with_more_work(self, x, forward=SimAM.forward):
    if x.shape[1] <= 64:
        torch.nn.functional.conv2d(x, x.new_zeros(16, x.shape[1], 3, 3), padding=1)
    return forward(self, x)


import torch  # noqa: E402

SimAM.forward = _with_more_work
"""
"""Appended to SimAM's module: a convolution whose result nobody uses; how much longer that takes is measured."""

_PLAINLY = ("-c", "user.name=bench", "-c", "user.email=bench", "-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false")
"""Whatever the user has set up for commits of their own."""
LEAST = 2
"""Rounds."""
KINDS = ("run", "same", "slowed")
"""The folders of a round."""


def record(compare: Plan, ab: Plan, folder: Path, rounds: int, device: str, console: Console) -> None:
    """Add rounds to a folder until it has so many; one that a kill left unfinished is begun again.

    Args:
        compare: of a suite with a plain baseline and SimAM.
        ab: of a suite with SimAM alone.
        folder: holds ``01-run``, ``01-same``, ``01-slowed``, ``02-run`` …
        rounds: how many there shall be.
        device: "auto", "cpu" or "cuda".
        console: for progress.

    Raises:
        InputError: a folder cannot be written, or git cannot be run.
        Interrupted: by Ctrl-C or SIGTERM.
    """
    wanted = [f"{number:02d}-{kind}" for number in range(1, rounds + 1) for kind in KINDS]
    if all((folder / name).exists() for name in wanted):
        return
    with tempfile.TemporaryDirectory(prefix="bench-calibrate-") as home:
        checkout = _repository(Path(home))
        for number in range(1, rounds + 1):
            console.print(f"round {number} of {rounds}", highlight=False)
            steps: dict[str, Callable[[Path], object]] = {
                "run": lambda path: begin(compare, path, device, console),
                "same": lambda path: compare_revisions(ab, ("plain", "comment"), checkout, path, device, console),
                "slowed": lambda path: compare_revisions(ab, ("plain", "work"), checkout, path, device, console),
            }
            for kind in KINDS:
                _once(folder / f"{number:02d}-{kind}", steps[kind], console)


def read(folder: Path) -> dict[str, list[Stored]]:
    """The rounds of a folder, in the order measured: kind → what was recorded.

    Raises:
        InputError: there are too few whole rounds.
    """
    found = {kind: [read_any(path) for path in sorted(folder.glob(f"[0-9]*-{kind}"))] for kind in KINDS}
    if any(len(rounds) < LEAST for rounds in found.values()):
        raise InputError(f"{folder} has fewer than {LEAST} whole rounds; --rounds 20 records 20, about 6 minutes each")
    places = {str(sorted(facts_of(run).items())) for rounds in found.values() for run in rounds}
    if len(places) > 1:
        raise InputError(f"{folder} has rounds of several machines or torch versions, which cannot be judged together")
    kernels = {str(each["facts"].get("kernels")) for run in found["run"] for each in run.environments.values()}
    if len(kernels) > 1:
        raise InputError(f"{folder} has runs of several versions of simam's kernels, which are not identical code")
    return found


def _once(path: Path, step: Callable[[Path], object], console: Console) -> None:
    """Make a folder under another name and rename it when it is whole."""
    if path.exists():
        return
    half = path.with_name(f".{path.name}.half")
    shutil.rmtree(half, ignore_errors=True)
    try:
        step(half)
        wrong = read_any(half).frame.query("status != 'ok'")
        if len(wrong):
            raise InputError(f"what was measured into {half} is not whole: {wrong['reason'].iloc[0]}")
    except Interrupted as error:
        raise Interrupted("interrupted; what is whole is kept: go on with the same command", error.number) from error
    half.rename(path)
    console.print(f"recorded {escape(str(path))}", soft_wrap=True)


def _repository(home: Path) -> Path:
    """A repository of our own ``simam`` with the tags plain, comment and work."""
    target = home / "simam"
    shutil.copytree(Path(simam.__file__).parent, target, ignore=shutil.ignore_patterns("__pycache__"))
    module = target / "attention" / "simam.py"
    plain = module.read_text(encoding="utf-8")
    try:
        git(home, "init", "--quiet")
        for tag, more in (("plain", ""), ("comment", COMMENT), ("work", WORK)):
            module.write_text(plain + more, encoding="utf-8")
            git(home, "add", "--force", ".")  # also what a user ignores everywhere, such as *.so
            git(home, *_PLAINLY, "commit", "--quiet", "-m", tag)
            git(home, *_PLAINLY, "tag", tag)
    except (OSError, subprocess.CalledProcessError) as error:
        raise InputError(f"git cannot be run: {getattr(error, 'stderr', None) or error}") from error
    return home
