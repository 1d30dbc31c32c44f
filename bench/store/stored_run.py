"""A stored run. :meth:`StoredRun.load` is the only reader of a run's folder."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML

from bench.errors import InputError, RunError
from bench.store.environment import Environment, read_environments
from bench.store.files import naming_damage
from bench.store.record import Record
from bench.store.shards import read_records
from bench.store.sides import ComparedRevision, read_sides
from bench.suite.renamed import rename

if TYPE_CHECKING:
    import pandas as pd

    from bench.suite.plan import Plan, Unit

DEFAULT_THRESHOLD = 0.01
"""Threshold of a ratio that the suite does not gate."""


@dataclass(frozen=True)
class StoredRun:
    """A stored run, or a stored comparison of two revisions. Loading imports no module that the suite names.

    Args:
        path: the run's folder.
        title: title of its suite.
        suite: the resolved suite, as YAML.
        measures: measure → its options.
        gate: gated value → its threshold as a fraction, None for an exact value.
        complete: whether the run covers all measures of its suite, so that every gated value must be present.
        data_root: the folder of the datasets, if the suite names one.
        imported: name of the file that the results were imported from; None for measured results.
        environments: id → environment, in the order of first use.
        sides: name → revision for a comparison of two revisions; empty for a run.
        records: in the order measured.
    """

    path: Path
    title: str
    suite: str
    measures: Mapping[str, Mapping[str, Any]]
    gate: Mapping[str, float | None]
    complete: bool
    data_root: str | None
    imported: str | None
    environments: Mapping[str, Environment]
    sides: Mapping[str, ComparedRevision]
    records: tuple[Record, ...]

    @classmethod
    def load(cls, folder: str | Path) -> "StoredRun":
        """Read the folder of a run.

        Raises:
            RunError: the folder holds no run, or one of its files is damaged; the message names the file.
        """
        path = Path(folder)
        if not (path / "suite.yaml").is_file():
            raise RunError(f"{path} holds no run: it has no suite.yaml")
        with naming_damage(path / "suite.yaml"):
            text = (path / "suite.yaml").read_text(encoding="utf-8")
            suite = rename(YAML(typ="safe").load(text))
            return cls(
                path=path,
                title=str(suite.get("title") or ""),
                suite=text,
                measures={str(name): dict(options or {}) for name, options in (suite.get("measures") or {}).items()},
                gate={name: None if value == "exact" else float(value) for name, value in suite["gate"].items()},
                complete="measure" not in suite["only"],
                data_root=(suite.get("data") or {}).get("root"),
                imported=suite.get("imported"),
                environments=read_environments(path),
                sides=read_sides(path),
                records=_read_records(path),
            )

    def _repr_html_(self) -> str:
        """A summary for notebooks: the number of records of each measure, by status."""
        import pandas as pd

        counts = Counter((record.measure, record.status) for record in self.records)
        table = pd.Series(counts, dtype=int).unstack(fill_value=0).to_html() if counts else "<p>no records</p>"
        return f"<p><b>{escape(self.title or self.name)}</b> ({escape(self.name)}); records:</p>\n{table}"

    @property
    def name(self) -> str:
        """The run's folder, as the caller named it."""
        return str(self.path)

    @cached_property
    def frame(self) -> "pd.DataFrame":
        """The records as a frame, see :func:`bench.store.frame.load_frame`.

        Raises:
            RunError: the run has no records yet.
        """
        from bench.store.frame import records_frame

        if not self.records:
            raise RunError(
                f"{self.path} holds no records.jsonl with records; continue the run with --resume {self.path}"
            )
        return records_frame([(self.name, self.records)])

    @cached_property
    def missing(self) -> "tuple[list[Unit], int] | None":
        """The units of work that are not measured yet, and the total number of units.

        None if that is unknown: the suite names a missing module, the run compares two revisions, or it was imported.
        """
        if self.sides or self.imported:
            return None
        try:
            plan = self.plan()
        except InputError:
            return None
        keys = {record.key for record in self.records}
        return plan.missing(keys), sum(1 for _ in plan.units())

    def plan(self, only: tuple[str, ...] = ()) -> "Plan":
        """The plan of the run's suite. Imports the modules that the suite names.

        Raises:
            SuiteError: the suite cannot be loaded any more.
        """
        from bench.suite.load import load_suite
        from bench.suite.plan import expand

        return expand(load_suite(self.path / "suite.yaml", only=only))

    def threshold(self, value: str) -> float:
        """The threshold of a time's ratio, as a fraction: that of the suite's gate, or the default."""
        return self.gate.get(f"{value}_ratio") or self.gate.get(value) or DEFAULT_THRESHOLD

    @property
    def facts(self) -> Mapping[str, Any]:
        """Facts of the first environment."""
        return next(iter(self.environments.values())).facts


def _read_records(path: Path) -> tuple[Record, ...]:
    file = path / "records.jsonl"
    try:
        return tuple(read_records(file)) if file.exists() else ()
    except ValueError as error:
        raise RunError(str(error)) from error
    except OSError as error:
        raise RunError(f"cannot read {file}: {error.strerror or error}") from error
