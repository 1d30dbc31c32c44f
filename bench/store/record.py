"""Records in format 2: one for each member of a group and each process."""

import math
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from bench.results.columns import Key, Role

FORMAT = 2
"""Version of the record format; raised when a field changes its meaning."""

Status: TypeAlias = Literal["ok", "skipped", "failed"]


class Value(msgspec.Struct, frozen=True):
    """A measured value, raw.

    Args:
        name: for example "latency".
        unit: SI unit in full precision: "s", "B" for bytes, "1" for counts.
        samples: as measured; None for a sample that could not be read. NaN and infinity become None.
        reason: why a sample is None.
    """

    name: str
    unit: str
    samples: tuple[float | int | None, ...]
    reason: str | None = None

    def __post_init__(self) -> None:
        samples = tuple(None if sample is None or not math.isfinite(sample) else sample for sample in self.samples)
        if samples != self.samples:
            msgspec.structs.force_setattr(self, "samples", samples)
            msgspec.structs.force_setattr(self, "reason", self.reason or "not a finite number")


class RecordFields(msgspec.Struct, frozen=True, kw_only=True, tag_field="status"):
    """The fields that records of every status share.

    Args:
        suite: the suite's name.
        measure: the measure's name.
        group: the group's id.
        cell: the cell's id; a control has its baseline's.
        role: baseline, variant or control.
        axes: axis → label; None if the axis does not apply to the cell or the measure does not depend on it.
        options: axis → the options of its named value, for values that have options.
        repeat: index of the fresh process, from 0.
        seed: seed of the replicate; None if the measure uses no seed.
        environment: id of the environment of the measurement.
        started: ISO 8601, UTC.
        elapsed: seconds from the start of the unit of work, process start included, to this record.
        format: version of the record format.
    """

    suite: str
    measure: str
    group: str
    cell: str
    role: Role
    axes: Mapping[str, str | int | None]
    options: Mapping[str, Mapping[str, Any]]
    repeat: int
    seed: int | None
    environment: str
    started: str
    elapsed: float
    format: int = FORMAT

    @property
    def key(self) -> Key:
        """The record's identity within its run."""
        return self.measure, self.group, self.cell, self.role, self.repeat


class MeasuredRecord(RecordFields, frozen=True, kw_only=True, tag="ok"):
    """A successful measurement.

    Args:
        values: the measured values.
        details: settings and circumstances of the measurement, such as rounds and why sampling stopped.
    """

    values: tuple[Value, ...]
    details: Mapping[str, Any] = {}

    @property
    def status(self) -> Status:
        return "ok"


class SkippedRecord(RecordFields, frozen=True, kw_only=True, tag="skipped"):
    """A member that was not measured.

    Args:
        reason: why it was not measured.
    """

    reason: str

    @property
    def status(self) -> Status:
        return "skipped"


class FailedRecord(RecordFields, frozen=True, kw_only=True, tag="failed"):
    """A measurement that failed.

    Args:
        reason: the cause, in one line or with the end of the worker's standard error.
        traceback: Python's traceback; None if the process died.
    """

    reason: str
    traceback: str | None = None

    @property
    def status(self) -> Status:
        return "failed"


Record: TypeAlias = MeasuredRecord | SkippedRecord | FailedRecord
