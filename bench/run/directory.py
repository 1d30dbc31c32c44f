"""The folder a run leaves behind: suite.yaml, environment.json, records.jsonl, report.md."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bench.errors import InputError
from bench.results.record import Record, append_record
from bench.run.environment import Environment
from bench.suite.suite import Suite


class RunError(InputError):
    """A run that cannot begin; the message says why and what would help."""


@dataclass(frozen=True)
class RunDirectory:
    """One run's folder."""

    path: Path

    @classmethod
    def create(cls, path: Path, suite: Suite, environment: Environment) -> "RunDirectory":
        """Make the folder and write down what is asked and where it runs, before anything is measured.

        Raises:
            RunError: the folder exists already or cannot be written.
        """
        try:
            path.mkdir(parents=True)
            (path / "suite.yaml").write_text(suite.to_yaml(), encoding="utf-8")
            (path / "environment.json").write_text(environment.to_json() + "\n", encoding="utf-8")
        except FileExistsError as error:
            raise RunError(f"{path} exists already; name another folder with --out") from error
        except OSError as error:
            raise RunError(f"cannot write to {path}: {error.strerror or error}") from error
        return cls(path)

    @property
    def records(self) -> Path:
        return self.path / "records.jsonl"

    def append(self, record: Record) -> None:
        append_record(self.records, record)


def default_path(suite: Suite, now: datetime) -> Path:
    """``runs/<suite>-<time>``."""
    return Path("runs") / f"{suite.name}-{now:%Y%m%d-%H%M%S}"
