"""Runs as they lie on the disk → their report, on standard output or in a folder."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import InputError
from simam.registry import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

    from bench.report.page import Report
    from bench.results.sides import Verdict


def write_report(runs: Sequence[Path], out: Path | None, formats: Sequence[str]) -> None:
    """Tell of runs in a folder, in several formats, or in Markdown on standard output.

    Raises:
        InputError: a run cannot be read, a format is none, or runs, formats and folder do not go together.
    """
    from bench.report.formats import FORMATS
    from bench.report.markdown import markdown
    from bench.run.directory import read_sides, write_whole
    from bench.run.stored import judge_sides

    for form in formats:
        if form not in FORMATS:
            raise InputError(f"--format {form}: no such format; {did_you_mean(form, FORMATS)}")
    if out is None and list(formats) != ["md"]:
        raise InputError(f"--format {','.join(formats)}: say with --out DIR which folder the files shall be written to")
    if len({folder.resolve() for folder in runs}) < len(runs):
        raise InputError("a run is named twice; its repeats would count twice")
    paired = [folder for folder in runs if read_sides(folder)]
    if paired and (len(runs) > 1 or list(formats) != ["md"]):
        raise InputError(f"{paired[0]} compares two revisions; its report is one of its own, in Markdown")
    if paired:
        told = sides_page(runs[0], judge_sides(runs[0]))
        if out is None:
            print(told)
        else:
            write_whole(_folder(out) / "report.md", told)
    elif out is None:
        print(markdown(report_of(runs).page))
    else:
        save(report_of(runs), _folder(out), formats)


@contextmanager
def _uncollected() -> Iterator[None]:
    """All that a report is made of is needed to the end; looking for garbage in it takes a third of the time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # nor is it to be looked through when Python ends
        if collects:
            gc.enable()


@_uncollected()
def report_of(folders: Sequence[Path]) -> "Report":
    """What runs say, together. A module that a suite names need not be there; then it is not said what is missing.

    Raises:
        InputError: a folder holds no run, or one that cannot be read.
    """
    from bench.report.page import report
    from bench.report.sources import Run
    from bench.results.frame import load_frame
    from bench.run.directory import read_environments
    from bench.run.stored import read_asked

    runs = []
    try:
        frame = load_frame(*folders)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read the run: {error}") from error
    for folder in folders:
        asked, environments = read_asked(folder), read_environments(folder)
        if not environments:
            raise InputError(
                f"{folder / 'environment.json'} is missing or empty: where its records are from is unknown"
            )
        runs.append(Run(folder, asked.title, asked.text, asked.gate, environments, left_of(folder, frame)))
    return report(frame, runs)


def left_of(folder: Path, frame: "pd.DataFrame") -> tuple[int, int] | None:
    """How many units of work of how many a run's records leave to be done; None where its suite cannot be loaded.

    Args:
        folder: of the run.
        frame: its records, and perhaps others'.
    """
    from bench.run.runner import missing
    from bench.suite.load import load_suite
    from bench.suite.plan import expand

    try:
        plan = expand(load_suite(folder / "suite.yaml"))
    except InputError:
        return None
    own = frame[frame["run"] == str(folder)]
    keys = set(zip(*(own[name] for name in ("measure", "group", "cell", "role", "repeat")), strict=True))
    return len(missing(plan, keys)), sum(1 for _ in plan.units())


def save(report: "Report", folder: Path, formats: Sequence[str]) -> None:
    """Write a report's files into a folder, each whole or not at all.

    Raises:
        InputError: one cannot be written.
    """
    from bench.report.formats import FORMATS
    from bench.run.directory import write_whole

    for form in formats:
        for name, content in FORMATS[form](report):
            write_whole(_folder((folder / name).parent) / Path(name).name, content)


def _folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot make a folder there: {error.strerror or error}") from error
    return path


def sides_page(folder: Path, verdicts: "list[Verdict]") -> str:
    """The report of two revisions."""
    from bench.report.format import escape
    from bench.report.verdicts import markdown
    from bench.run.directory import read_sides

    sides = (f"{name}: {escape(side['revision'])} ({side['commit'][:12]})" for name, side in read_sides(folder).items())
    return f"# B against A\n\n{', '.join(sides)}\n\n{markdown(verdicts)}"
