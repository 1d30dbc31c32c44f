"""Runs as they lie on the disk, to be compared. No suite is loaded, so no module that one names has to be there."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from bench.results.compare import MUST_AGREE, Stored, compare_runs, compare_sides
from bench.results.frame import load_frame
from bench.results.sides import Verdict
from bench.run.directory import RunError, read_environments, read_sides
from simam.registry import did_you_mean


@dataclass(frozen=True)
class Asked:
    """What a stored run was asked to do.

    Args:
        title: of its suite.
        text: the suite as resolved, YAML.
        gate: gated value → its threshold, None for an exact one.
        whole: whether all measures of the suite were to be taken.
    """

    title: str
    text: str
    gate: Mapping[str, float | None]
    whole: bool


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
    if len(sides) != 2:
        raise RunError(f"{folder / 'sides.json'} is damaged: it names {len(sides)} of two sides")
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
    asked = read_asked(folder)
    with _reading(folder):
        return Stored(str(folder), load_frame(folder), read_environments(folder), asked.gate, asked.whole)


def read_asked(folder: Path) -> Asked:
    """What the run in a folder was asked to do.

    Raises:
        InputError: there is none.
    """
    with _reading(folder):
        text = (folder / "suite.yaml").read_text(encoding="utf-8")
        suite: Any = YAML(typ="safe").load(text)
        gate = {str(name): None if value == "exact" else float(value) for name, value in suite["gate"].items()}
        return Asked(str(suite.get("title") or ""), text, gate, "measure" not in suite["only"])


@contextmanager
def _reading(folder: Path) -> Iterator[None]:
    """Says in which folder it is that something is missing or damaged."""
    try:
        yield
    except OSError as error:
        raise RunError(f"{folder} holds no run: {error}") from error
    except (YAMLError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise RunError(f"cannot read the run in {folder}: {error}") from error
