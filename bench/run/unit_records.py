"""Records of one unit of work."""

from collections.abc import Mapping
from datetime import datetime, timezone
from time import monotonic
from typing import Any, TypedDict

from bench.results.columns import Role
from bench.store.record import FailedRecord, MeasuredRecord, SkippedRecord, Value
from bench.suite.plan import Member, Unit


class _SharedFields(TypedDict):
    """The fields that records of every status share."""

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


class UnitRecords:
    """Makes the records of a unit of work, whose time starts when the object is created.

    Args:
        suite: name of the suite.
        unit: the unit of work.
        environment: id of the environment.
        role: role of every record; None for each member's own role.
    """

    def __init__(self, suite: str, unit: Unit, environment: str, role: Role | None = None) -> None:
        self._suite, self._unit, self._environment, self._role = suite, unit, environment, role
        self._started, self._clock = datetime.now(timezone.utc).isoformat(timespec="seconds"), monotonic()

    def measured(self, member: Member, values: tuple[Value, ...], details: Mapping[str, Any]) -> MeasuredRecord:
        return MeasuredRecord(**self._shared(member), values=values, details=details)

    def skipped(self, member: Member, reason: str) -> SkippedRecord:
        return SkippedRecord(**self._shared(member), reason=reason)

    def failed(self, member: Member, reason: str, traceback: str | None) -> FailedRecord:
        return FailedRecord(**self._shared(member), reason=reason, traceback=traceback)

    def _shared(self, member: Member) -> _SharedFields:
        group = self._unit.group
        return {
            "suite": self._suite,
            "measure": group.measure.name,
            "group": group.id,
            "cell": member.cell.id,
            "role": self._role or member.role,
            "axes": member.cell.labels(),
            "options": member.cell.options(),
            "repeat": self._unit.repeat,
            "seed": self._unit.seed,
            "environment": self._environment,
            "started": self._started,
            "elapsed": monotonic() - self._clock,
        }
