"""Records for calibrating the gate: code compared with itself, and with the same code plus some extra work.

A round consists of one run, one comparison of two revisions that do the same work, and one comparison of a revision
with another that does more work. Each is measured with the same code path as a user's run and has its own folder, so
rounds can be added later.
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
from bench.results.compare import facts_of
from bench.run.git import git
from bench.run.session import begin
from bench.store.stored_run import StoredRun
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
"""Appended to the module of SimAM: a convolution whose result is not used. Its cost is measured."""

_GIT_OPTIONS = (
    *("-c", "user.name=bench", "-c", "user.email=bench"),
    *("-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false"),
)
"""Options that make commits independent of the user's git configuration."""
MIN_ROUNDS = 2
"""Smallest number of complete rounds of a calibration."""
ROUND_STEPS = ("run", "same", "slowed")
"""The steps of a round, one folder each."""


def record_rounds(compare: Plan, ab: Plan, folder: Path, rounds: int, device: str, console: Console) -> None:
    """Measure rounds into a folder until it has the given number; a step that was interrupted is repeated.

    Args:
        compare: plan of a suite with a plain baseline and SimAM.
        ab: plan of a suite with SimAM alone.
        folder: the folder of ``01-run``, ``01-same``, ``01-slowed``, ``02-run`` …
        rounds: number of rounds.
        device: "auto", "cpu" or "cuda".
        console: for progress.

    Raises:
        InputError: a folder cannot be written, or git cannot be run.
        Interrupted: by Ctrl-C or SIGTERM.
    """
    wanted = [f"{number:02d}-{step}" for number in range(1, rounds + 1) for step in ROUND_STEPS]
    if all((folder / name).exists() for name in wanted):
        return
    with tempfile.TemporaryDirectory(prefix="bench-calibrate-") as temporary:
        checkout = _repository(Path(temporary))
        for number in range(1, rounds + 1):
            console.print(f"round {number} of {rounds}", highlight=False)
            steps: dict[str, Callable[[Path], object]] = {
                "run": lambda path: begin(compare, path, device, console),
                "same": lambda path: compare_revisions(ab, ("plain", "comment"), checkout, path, device, console),
                "slowed": lambda path: compare_revisions(ab, ("plain", "work"), checkout, path, device, console),
            }
            for step in ROUND_STEPS:
                _measure_whole(folder / f"{number:02d}-{step}", steps[step], console)


def read_rounds(folder: Path) -> dict[str, list[StoredRun]]:
    """The records of each step, in the order measured.

    Raises:
        InputError: there are too few complete rounds, or they are not of one machine and one version of the code.
    """
    by_step = {step: [StoredRun.load(path) for path in sorted(folder.glob(f"[0-9]*-{step}"))] for step in ROUND_STEPS}
    if any(len(runs) < MIN_ROUNDS for runs in by_step.values()):
        raise InputError(
            f"{folder} has fewer than {MIN_ROUNDS} complete rounds; --rounds 20 measures 20, about 6 minutes each"
        )
    if len({str(sorted(facts_of(run).items())) for runs in by_step.values() for run in runs}) > 1:
        raise InputError(
            f"{folder} has rounds of several machines or torch versions, which cannot be evaluated together; "
            "keep those of one machine, or name another folder"
        )
    environments = [environment for run in by_step["run"] for environment in run.environments.values()]
    if len({str(environment.facts.get("kernels")) for environment in environments}) > 1:
        raise InputError(
            f"{folder} has runs of several versions of simam's kernels, which are not identical code; "
            "keep those of one version, or name another folder"
        )
    return by_step


def _measure_whole(path: Path, step: Callable[[Path], object], console: Console) -> None:
    """Measure into a temporary folder, and rename it when it is complete."""
    if path.exists():
        return
    half = path.with_name(f".{path.name}.half")
    shutil.rmtree(half, ignore_errors=True)
    try:
        step(half)
        incomplete = StoredRun.load(half).frame.query("status != 'ok'")
        if len(incomplete):
            raise InputError(f"the measurement in {half} is incomplete: {incomplete['reason'].iloc[0]}")
    except Interrupted as error:
        message = "interrupted; complete steps are kept: continue with the same command"
        raise Interrupted(message, error.number) from error
    half.rename(path)
    console.print(f"recorded {escape(str(path))}", soft_wrap=True)


def _repository(folder: Path) -> Path:
    """Make a repository of the installed ``simam`` with the tags plain, comment and work."""
    target = folder / "simam"
    shutil.copytree(Path(simam.__file__).parent, target, ignore=shutil.ignore_patterns("__pycache__"))
    module = target / "attention" / "simam.py"
    plain = module.read_text(encoding="utf-8")
    try:
        git(folder, "init", "--quiet")
        for tag, appended in (("plain", ""), ("comment", COMMENT), ("work", WORK)):
            module.write_text(plain + appended, encoding="utf-8")
            git(folder, "add", "--force", ".")  # includes files that the user's git ignores, such as *.so
            git(folder, *_GIT_OPTIONS, "commit", "--quiet", "-m", tag)
            git(folder, *_GIT_OPTIONS, "tag", tag)
    except (OSError, subprocess.CalledProcessError) as error:
        raise InputError(f"git cannot be run: {getattr(error, 'stderr', None) or error}") from error
    return folder
