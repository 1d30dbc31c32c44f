"""The folder a run leaves behind: suite.yaml, environment.json, records.jsonl, report.md."""

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from bench.errors import InputError, StorageError
from bench.results.record import Record, append_records, read_records, repair
from bench.run.environment import Environment
from bench.suite.suite import Suite


class RunError(InputError):
    """A run that cannot begin or go on; the message says why and what would help."""


class RunDirectory(AbstractContextManager["RunDirectory"]):
    """One run's folder, held by one process at a time; use it as a context manager.

    Args:
        path: of the folder.
        advice: how to go on when what is measured cannot be written; None for ``--resume``.

    Raises:
        RunError: another process is at work in the folder, or it cannot be written.
    """

    def __init__(self, path: Path, advice: str | None = None) -> None:
        self.path = path
        self._advice = advice or f"go on with --resume {path}"
        self._lock = FileLock(path / ".lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise RunError(f"another run is at work in {path}; wait for it, or name another folder") from error
        except OSError as error:
            raise RunError(f"cannot write to {path}: {error.strerror or error}") from error

    @classmethod
    def create(cls, path: Path, suite: Suite, advice: str | None = None) -> "RunDirectory":
        """Make the folder and write down what is asked, before anything is measured.

        Raises:
            RunError: the folder exists already or cannot be written.
        """
        try:
            path.mkdir(parents=True)
        except FileExistsError as error:
            raise RunError(
                f"{path} exists already; name another folder with --out, or go on in it with --resume {path}"
            ) from error
        except OSError as error:
            raise RunError(f"cannot make {path}: {error.strerror or error}") from error
        folder = cls(path, advice)
        folder.write("suite.yaml", suite.to_yaml())
        return folder

    @classmethod
    def open(cls, path: Path) -> "RunDirectory":
        """Go on in the folder of a run that ended early; a half-written last record is cut off.

        Raises:
            RunError: there is no run in the folder.
        """
        if not (path / "suite.yaml").is_file():
            raise RunError(f"{path} holds no run to resume: it has no suite.yaml")
        folder = cls(path)
        repair(folder.path / "records.jsonl")
        return folder

    def __exit__(self, *exception: object) -> None:
        self._lock.release()

    def records(self) -> list[Record]:
        """What was measured so far.

        Raises:
            RunError: a line is no record.
        """
        path = self.path / "records.jsonl"
        try:
            return read_records(path) if path.exists() else []
        except ValueError as error:
            raise RunError(str(error)) from error

    def append(self, records: Sequence[Record]) -> None:
        """Add records to the file.

        Raises:
            StorageError: they cannot be written; what was measured before is kept.
        """
        try:
            append_records(self.path / "records.jsonl", records)
        except OSError as error:
            raise StorageError(
                f"cannot write {self.path / 'records.jsonl'}: {error.strerror or error}; all that was measured before "
                f"is kept: make room; then {self._advice}"
            ) from error

    def add_environment(self, environment: Environment) -> None:
        known = read_environments(self.path)
        known.setdefault(environment.id, {"facts": dict(environment.facts), "state": dict(environment.state)})
        self.write("environment.json", json.dumps(known, indent=2, ensure_ascii=False) + "\n")

    def write(self, name: str, text: str) -> None:
        """Write a file whole or not at all.

        Raises:
            RunError: it cannot be written.
        """
        write_whole(self.path / name, text)


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        RunError: it cannot be written.
    """
    half = path.with_name(f".{path.name}.half")
    try:
        half.write_bytes(content.encode() if isinstance(content, str) else content)
        half.replace(path)
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror or error}") from error


def read_environments(path: Path) -> dict[str, dict[str, Any]]:
    """Environment id → ``facts`` and ``state``, of every environment that a folder's records come from.

    Raises:
        RunError: the file is damaged.
    """
    return _read(path / "environment.json", {"facts": dict, "state": dict})


def read_sides(path: Path) -> dict[str, dict[str, Any]]:
    """For a comparison of two revisions what each side was, by its name; nothing for a run.

    Raises:
        RunError: the file is damaged.
    """
    return _read(path / "sides.json", {"revision": str, "commit": object})


def _read(file: Path, kinds: Mapping[str, type]) -> dict[str, dict[str, Any]]:
    """Name → mapping with at least these keys, of values of these kinds; nothing where there is no file."""
    if not file.exists():
        return {}
    try:
        found: dict[str, dict[str, Any]] = dict(json.loads(file.read_text(encoding="utf-8")))
        for name, each in found.items():
            for key, kind in kinds.items():
                if not isinstance(each[key], kind):
                    raise TypeError(f"{key} of {name} is {each[key]!r}")
    except (ValueError, TypeError, KeyError) as error:
        raise RunError(f"{file} is damaged: {error}") from error
    return found


RUNS = Path("runs")
"""Where runs go, and where earlier ones are looked for, unless the user says otherwise."""


def default_path(suite: Suite, now: datetime) -> Path:
    """``runs/<suite>-<time>``."""
    return RUNS / f"{suite.name}-{now:%Y%m%d-%H%M%S}"
