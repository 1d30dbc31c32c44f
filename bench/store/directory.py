"""The folder of a run while it is written to: suite.yaml, environment.json, records.jsonl, report.md."""

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from bench.errors import RunError, StorageError
from bench.store.environment import Environment, read_environments
from bench.store.files import write_whole
from bench.store.record import Record
from bench.store.shards import append_records, repair
from bench.suite.suite import Suite


class RunDirectory(AbstractContextManager["RunDirectory"]):
    """One run's folder, locked by one process at a time; use it as a context manager.

    Args:
        path: the folder.
        advice: how to continue after a failed write; None for ``--resume``.

    Raises:
        RunError: another process uses the folder, or it cannot be written.
    """

    def __init__(self, path: Path, advice: str | None = None) -> None:
        self.path = path
        self._advice = advice or f"continue with --resume {path}"
        self._lock = FileLock(path / ".lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise RunError(f"another process writes to {path}; wait for it, or name another folder") from error
        except OSError as error:
            raise RunError(f"cannot write to {path}: {error.strerror or error}") from error

    @classmethod
    def create(cls, path: Path, suite: str, advice: str | None = None) -> "RunDirectory":
        """Make the folder and write the suite into it, before anything is measured.

        Args:
            path: the folder.
            suite: content of suite.yaml.
            advice: how to continue after a failed write; None for ``--resume``.

        Raises:
            RunError: the folder exists already or cannot be written.
        """
        try:
            path.mkdir(parents=True)
        except FileExistsError as error:
            raise RunError(
                f"{path} exists already; name another folder with --out, or continue the run with --resume {path}"
            ) from error
        except OSError as error:
            raise RunError(f"cannot make {path}: {error.strerror or error}") from error
        folder = cls(path, advice)
        folder.write("suite.yaml", suite)
        return folder

    @classmethod
    def open(cls, path: Path) -> "RunDirectory":
        """Open the folder of a run that ended early; a half-written last record is cut off.

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

    def append(self, records: Sequence[Record]) -> None:
        """Add records to the file.

        Raises:
            StorageError: they cannot be written; what was measured before is kept.
        """
        try:
            append_records(self.path / "records.jsonl", records)
        except OSError as error:
            raise StorageError(
                f"cannot write {self.path / 'records.jsonl'}: {error.strerror or error}; all records "
                f"written before are kept: free some space, then {self._advice}"
            ) from error

    def add_environment(self, environment: Environment) -> None:
        """Add an environment to environment.json, unless it is there already."""
        known = read_environments(self.path)
        known.setdefault(environment.id, environment)
        entries = {id_: {"facts": dict(entry.facts), "state": dict(entry.state)} for id_, entry in known.items()}
        self.write("environment.json", json.dumps(entries, indent=2, ensure_ascii=False) + "\n")

    def write(self, name: str, text: str) -> None:
        """Write a file whole or not at all.

        Raises:
            RunError: it cannot be written.
        """
        write_whole(self.path / name, text)


RUNS = Path("runs")
"""Default folder of new runs, and folder of the earlier runs that time estimates use."""


def default_path(suite: Suite, now: datetime) -> Path:
    """``runs/<suite>-<time>``."""
    return RUNS / f"{suite.name}-{now:%Y%m%d-%H%M%S}"
