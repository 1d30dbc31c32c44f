"""Plan → records. Hands each unit of work to an executor and turns what comes back into records."""

from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from itertools import groupby
from pathlib import Path
from time import monotonic
from typing import Any

from bench.results.record import Key, Record, Status, Value
from bench.run.executor import Executor, Message
from bench.run.worker import Job, Member
from bench.suite.plan import Group, Plan, Unit
from bench.suite.suite import Suite


@dataclass(frozen=True)
class Runner:
    """Carries a plan out.

    Args:
        execute: runs one job.
        device: "cpu" or "cuda".
        environment: the id that every record carries.
        on_start: told the unit, the member that is about to run, and how far it has come, for progress.
        scratch: a folder for what shall survive a kill; None where nothing is kept.
        at_once: how many units of measures that allow it are measured at a time.
    """

    execute: Executor
    device: str
    environment: str
    on_start: Callable[[Unit, Member, str], None]
    scratch: Path | None = None
    at_once: int = 1

    def run(self, plan: Plan, there: Mapping[Key, Record]) -> Iterator[tuple[Unit, list[Record]]]:
        """Every unit of work that is still to be done, with its new records, in the order of the plan.

        Args:
            plan: all there is to measure.
            there: from :func:`settled_records`, what is not measured again, but for a timed unit that is not whole:
                its ratios need all of its members from one process.
        """
        failures: dict[tuple[Group, int], str] = {}
        measure = partial(self._measure, plan.suite, there, failures)
        for side_by_side, units in groupby(plan.units(), key=lambda unit: unit.group.side_by_side):
            done = _in_order(measure, units, self.at_once if side_by_side else 1)
            yield from ((unit, records) for unit, records in done if records)

    def _measure(
        self, suite: Suite, there: Mapping[Key, Record], failures: dict[tuple[Group, int], str], unit: Unit
    ) -> tuple[Unit, list[Record]]:
        """A unit's new records; what failed in earlier repeats is known from ``failures``, what fails now is added."""
        settled = before = _settled(unit, there)
        if len(settled) < len(members(unit.group)):
            before = {} if unit.group.timed else settled
            known = {} if unit.seed is not None else _failed_before(failures, unit)
            skipped = {**known, **unfit(unit.group, self.device)}
            settled = _Attempt(self, unit, suite, before, skipped).records()
        for index, record in settled.items():
            if record.status == "failed":
                failures.setdefault((unit.group, index), f"failed in repeat {unit.repeat}")
        return unit, [record for index, record in settled.items() if index not in before]


def _in_order(
    measure: Callable[[Unit], tuple[Unit, list[Record]]], units: Iterable[Unit], at_once: int
) -> Iterator[tuple[Unit, list[Record]]]:
    """Several units at a time, told in their order. No more are begun than may be lost to a kill: one each."""
    if at_once == 1:
        yield from map(measure, units)
        return
    pool, begun = ThreadPoolExecutor(at_once), deque[Future[tuple[Unit, list[Record]]]]()
    try:
        for unit in units:
            begun.append(pool.submit(measure, unit))
            if len(begun) > at_once:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        # Who leaves early leaves the executor, too, which stops the processes that these threads wait for.
        pool.shutdown(wait=False, cancel_futures=True)


def settled_records(earlier: Iterable[Record], retry_failed: bool) -> dict[Key, Record]:
    """The records of an earlier run that stand; without the failed and the skipped ones, if they are to be retried."""
    return {record.key: record for record in earlier if record.status == "ok" or not retry_failed}


def missing(plan: Plan, there: Container[Key]) -> list[Unit]:
    """The units of a plan that records with these keys leave to be done."""
    return [unit for unit in plan.units() if not all(key in there for key in _keys(unit).values())]


def _settled(unit: Unit, there: Mapping[Key, Record]) -> dict[int, Record]:
    """The members of a unit that have their record, by their place in the group."""
    return {index: there[key] for index, key in _keys(unit).items() if key in there}


def _keys(unit: Unit) -> dict[int, Key]:
    """What the records of a unit's members go by, by their place in the group."""
    return {
        member.index: (unit.group.measure.name, unit.group.id, member.cell.id, member.role, unit.repeat)
        for member in members(unit.group)
    }


def members(group: Group) -> tuple[Member, ...]:
    """The group as workers know it: the baseline, the variants, the twin."""
    cells = [("baseline", group.baseline), *(("variant", cell) for cell in group.variants)]
    if group.timed:
        cells.append(("twin", group.baseline))
    return tuple(Member(index, role, cell) for index, (role, cell) in enumerate(cells))


def _failed_before(failures: Mapping[tuple[Group, int], str], unit: Unit) -> dict[int, str]:
    """What failed in an earlier process fails again; it is skipped, since a hang costs its whole time limit."""
    # A copy, since another thread may add to them.
    return {index: reason for (group, index), reason in list(failures.items()) if group == unit.group}


def unfit(group: Group, device: str) -> dict[int, str]:
    """The members that the device cannot run, by their place in the group, and why."""
    reasons = {member.index: member.cell.unfit(device) for member in members(group)}
    return {index: reason for index, reason in reasons.items() if reason}


class _Attempt:
    """One unit of work, begun again without the culprit for as long as one member after another fails."""

    def __init__(
        self,
        runner: Runner,
        unit: Unit,
        suite: Suite,
        settled: Mapping[int, Record],
        skipped: Mapping[int, str],
    ) -> None:
        self.runner, self.unit, self.suite = runner, unit, suite
        self.members = members(unit.group)
        self.started, self.clock = datetime.now(timezone.utc).isoformat(timespec="seconds"), monotonic()
        self.done = dict(settled)
        for index, reason in skipped.items():
            if index not in self.done:
                self._settle(index, "skipped", reason)

    def records(self) -> dict[int, Record]:
        """The records of all members, by their place in the group."""
        while pending := self._pending():
            self._once(pending)
        return {member.index: self.done[member.index] for member in self.members}

    def _pending(self) -> tuple[Member, ...]:
        """Who is still to be measured; a dead baseline fails its group."""
        baseline = self.done.get(0)
        if baseline is not None and baseline.status != "ok":
            for member in self.members[1:]:
                if member.index not in self.done:
                    self._settle(member.index, baseline.status, f"the group's baseline did not run: {baseline.reason}")
        return tuple(member for member in self.members if member.index not in self.done)

    def _once(self, pending: tuple[Member, ...]) -> None:
        """One worker process. However it ends, at least one member is settled."""
        unit, current = self.unit, None
        job = Job(
            unit.group.measure,
            pending,
            unit.repeat,
            unit.seed,
            self.runner.device,
            fresh=unit.group.timed,
            data=self.suite.data,
            scratch=self.runner.scratch,
        )
        for message in self.runner.execute(job, self.suite.timeout):
            if "start" in message:
                current = message["start"]
                self.runner.on_start(unit, self.members[current], message.get("reached", ""))
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
        """Fail the member that was running; all that are pending, if none had begun or it was done already.

        What a timed unit gave before is given up: its ratios need all members from one process.
        """
        unsettled = [member.index for member in pending if member.index not in self.done]
        culprits = [index] if index is not None and index in unsettled else unsettled
        for culprit in culprits:
            self._settle(culprit, "failed", reason, traceback)
        # Where nobody was left to blame the unit is whole, and giving it up would begin it again for ever.
        if self.unit.group.timed and culprits:
            self.done = {member: record for member, record in self.done.items() if record.status != "ok"}

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
        self.done[index] = make_record(
            self.suite.name,
            self.unit,
            self.members[index],
            environment=self.runner.environment,
            started=self.started,
            elapsed=monotonic() - self.clock,
            status=status,
            reason=reason,
            traceback=traceback,
            values=values,
            details=details or {},
        )


def make_record(suite: str, unit: Unit, member: Member, **told: Any) -> Record:
    """What one member gave in one repeat.

    Args:
        suite: the suite's name.
        unit: the repeat.
        member: who.
        told: the record's other fields.
    """
    group = unit.group
    same: dict[str, Any] = {
        "suite": suite,
        "measure": group.measure.name,
        "group": group.id,
        "cell": member.cell.id,
        "role": member.role,
        "axes": member.cell.labels(),
        "options": member.cell.options(),
        "repeat": unit.repeat,
        "seed": unit.seed,
    }
    return Record(**{**same, **told})
