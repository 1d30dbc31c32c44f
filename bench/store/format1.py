"""Records of format 1, which earlier versions wrote, converted to the current format."""

from collections.abc import Mapping
from typing import Any

import msgspec

from bench.store.record import FailedRecord, MeasuredRecord, Record, SkippedRecord, Status, Value
from bench.suite.renamed import RENAMED_VALUES

_ROLES = {"twin": "control"}
_DETAILS = {"live_peak_shares": "peak_shares", "judge": "eval_on"}


class Format1Record(msgspec.Struct, frozen=True):
    """A record as format 1 has it, with the fields of every status."""

    suite: str
    measure: str
    group: str
    cell: str
    role: str
    axes: Mapping[str, str | int | None]
    options: Mapping[str, Mapping[str, Any]]
    repeat: int
    seed: int | None
    status: Status
    reason: str | None
    traceback: str | None
    values: tuple[Value, ...]
    details: Mapping[str, Any]
    environment: str
    started: str
    elapsed: float


def upgrade(old: Format1Record) -> Record:
    """Convert a record of format 1; numbers stay as they are, names become the current ones."""
    shared: dict[str, Any] = {
        "suite": old.suite,
        "measure": old.measure,
        "group": old.group,
        "cell": old.cell,
        "role": _ROLES.get(old.role, old.role),
        "axes": old.axes,
        "options": old.options,
        "repeat": old.repeat,
        "seed": old.seed,
        "environment": old.environment,
        "started": old.started,
        "elapsed": old.elapsed,
    }
    if old.status == "skipped":
        return SkippedRecord(**shared, reason=old.reason or "")
    if old.status == "failed":
        return FailedRecord(**shared, reason=old.reason or "", traceback=old.traceback)
    values = tuple(
        msgspec.structs.replace(value, name=RENAMED_VALUES[value.name]) if value.name in RENAMED_VALUES else value
        for value in old.values
    )
    details = {_DETAILS.get(key, key): detail for key, detail in old.details.items()}
    return MeasuredRecord(**shared, values=values, details=details)
