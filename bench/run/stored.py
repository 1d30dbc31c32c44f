"""Runs as they lie on the disk, to be compared. No suite is loaded, so no module that one names has to be there."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from bench.results.compare import MUST_AGREE, Stored, compare_runs, compare_sides
from bench.results.frame import load_frame
from bench.results.sides import Verdict
from bench.run.directory import RunError, read_environments, read_sides
from simam.registry import did_you_mean


def compare(base: str | Path, new: str | Path, accept: Collection[str] = ()) -> list[Verdict]:
    """Compare the run in one folder with that in another; see :func:`bench.results.compare.compare_runs`.

    Raises:
        InputError: a folder holds no run, or ``accept`` names something that need not agree.
    """
    for key in accept:
        if key not in MUST_AGREE:
            raise RunError(f"--accept {key}: nothing of that name has to agree; {did_you_mean(key, MUST_AGREE)}")
    return compare_runs(read_run(Path(base)), read_run(Path(new)), accept)


def judge_sides(folder: Path) -> list[Verdict]:
    """Compare the two revisions in the folder of ``ab``.

    Raises:
        InputError: the folder holds no such comparison.
    """
    run, sides = read_any(folder), read_sides(folder)
    if not sides:
        raise RunError(f"{folder} holds a run, not a comparison of two revisions: it has no sides.json")
    first, second = (f"{name} ({side['revision']})" for name, side in sides.items())
    return compare_sides(run, (first, second))


def read_run(folder: Path) -> Stored:
    """The run in a folder.

    Raises:
        InputError: there is none, or it is one of two revisions in pairs.
    """
    if read_sides(folder):
        raise RunError(f"{folder} compares two revisions; what was found is in {folder / 'report.md'}")
    return read_any(folder)


def read_any(folder: Path) -> Stored:
    """The records in a folder, of a run or of two revisions in pairs.

    Raises:
        InputError: there are none.
    """
    try:
        suite: Any = YAML(typ="safe").load(folder / "suite.yaml")
        gate = {str(name): None if value == "exact" else float(value) for name, value in suite["gate"].items()}
        whole = "measure" not in suite["only"]
        return Stored(str(folder), load_frame(folder), read_environments(folder), gate, whole)
    except OSError as error:
        raise RunError(f"{folder} holds no run: {error}") from error
    except (YAMLError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise RunError(f"cannot read the run in {folder}: {error}") from error
