"""Plan → records. Hands each unit of work to an executor and turns what comes back into records."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from time import monotonic
from typing import Any

from bench.results.record import Record, Role, Status, Value
from bench.run.executor import Executor, Message
from bench.run.worker import Job, Member
from bench.suite.plan import Group, Plan, Unit


@dataclass(frozen=True)
class Runner:
    """Carries a plan out.

    Args:
        execute: runs one job.
        device: "cpu" or "cuda".
        environment: the id that every record carries.
        on_start: told the unit and the member that is about to run, for progress.
    """

    execute: Executor
    device: str
    environment: str
    on_start: Callable[[Unit, Member], None]

    def run(self, plan: Plan) -> Iterator[tuple[Unit, list[Record]]]:
        """Every unit of work with its records, one for each member of its group, as soon as it is done."""
        failures: dict[tuple[Group, int], str] = {}
        for unit in plan.units():
            known = {} if unit.seed is not None else _failed_before(failures, unit)
            records = _Attempt(self, unit, plan.suite.name, plan.suite.timeout, known).records()
            for member, record in zip(members(unit.group), records, strict=True):
                if record.status == "failed":
                    failures.setdefault((unit.group, member.index), f"failed in repeat {unit.repeat}")
            yield unit, records


def members(group: Group) -> tuple[Member, ...]:
    """The group as workers know it: the baseline, the variants, the twin."""
    cells = [("baseline", group.baseline), *(("variant", cell) for cell in group.variants)]
    if group.timed:
        cells.append(("twin", group.baseline))
    return tuple(Member(index, role, cell) for index, (role, cell) in enumerate(cells))


def _failed_before(failures: dict[tuple[Group, int], str], unit: Unit) -> dict[int, str]:
    """What failed in an earlier process fails again; it is skipped, since a hang costs its whole time limit."""
    return {index: reason for (group, index), reason in failures.items() if group == unit.group}


class _Attempt:
    """One unit of work, begun again without the culprit for as long as one member after another fails."""

    def __init__(self, runner: Runner, unit: Unit, suite: str, timeout: float, known: dict[int, str]) -> None:
        self.runner, self.unit, self.suite, self.timeout = runner, unit, suite, timeout
        self.members = members(unit.group)
        self.started, self.clock = datetime.now(timezone.utc).isoformat(timespec="seconds"), monotonic()
        self.done: dict[int, Record] = {}
        for index, reason in known.items():
            self._settle(index, "skipped", reason)

    def records(self) -> list[Record]:
        while pending := self._pending():
            self._once(pending)
        return [self.done[member.index] for member in self.members]

    def _pending(self) -> tuple[Member, ...]:
        """Who is still to be measured. A dead baseline fails its group; a living one runs again beside the rest."""
        baseline = self.done.get(0)
        if baseline is not None and baseline.status != "ok":
            for member in self.members[1:]:
                if member.index not in self.done:
                    self._settle(member.index, baseline.status, f"the group's baseline did not run: {baseline.reason}")
        return tuple(member for member in self.members if member.index not in self.done)

    def _once(self, pending: tuple[Member, ...]) -> None:
        """One worker process. However it ends, at least one member is settled."""
        unit, current = self.unit, None
        job = Job(unit.group.measure, pending, unit.repeat, unit.seed, self.runner.device, fresh=unit.group.timed)
        for message in self.runner.execute(job, self.timeout):
            if "start" in message:
                current = message["start"]
                self.runner.on_start(unit, self.members[current])
            elif "measured" in message:
                self._measured(message)
            elif "failed" in message:
                self._blame(message["failed"], pending, message["reason"], message["traceback"])
                return
            else:
                self._blame(current, pending, message["died"], None)
                return
        for member in pending:
            if member.index not in self.done:
                self._settle(member.index, "failed", f"{unit.group.measure.name} gave no outcome for it")

    def _blame(self, index: int | None, pending: tuple[Member, ...], reason: str, traceback: str | None) -> None:
        """Fail the member that was running; all that are pending, if none had begun or it was done already."""
        culprits = [index] if index is not None and index not in self.done else [member.index for member in pending]
        for culprit in culprits:
            if culprit not in self.done:
                self._settle(culprit, "failed", reason, traceback)

    def _measured(self, message: Message) -> None:
        values = tuple(Value(**{**value, "samples": tuple(value["samples"])}) for value in message["values"])
        self._settle(message["measured"], "ok", values=values, details=message["details"])

    def _settle(
        self,
        index: int,
        status: Status,
        reason: str | None = None,
        traceback: str | None = None,
        values: tuple[Value, ...] = (),
        details: dict[str, Any] | None = None,
    ) -> None:
        member, group = self.members[index], self.unit.group
        role: Role = member.role  # type: ignore[assignment]
        self.done[index] = Record(
            suite=self.suite,
            measure=group.measure.name,
            group=group.id,
            cell=member.cell.id,
            role=role,
            axes=member.cell.labels(),
            options=member.cell.options(),
            repeat=self.unit.repeat,
            seed=self.unit.seed,
            status=status,
            reason=reason,
            traceback=traceback,
            values=values,
            details=details or {},
            environment=self.runner.environment,
            started=self.started,
            elapsed=monotonic() - self.clock,
        )
