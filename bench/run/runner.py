"""Plan → records: run every unit of work on an executor and turn the messages into records."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TypeAlias

from bench.results.columns import Key
from bench.results.rounds import is_usable_process
from bench.run.executors import Executor
from bench.run.messages import Died, Failed, Measured, Started
from bench.run.unit_records import UnitRecords
from bench.run.worker import Job
from bench.store.record import FailedRecord, MeasuredRecord, Record
from bench.suite.plan import Group, Member, Plan, Unit
from bench.suite.suite import Suite

Failures: TypeAlias = dict[tuple[Group, int], str]
"""Group and index of a member → in which process it failed."""


@dataclass(frozen=True)
class Runner:
    """Runs a plan.

    Args:
        execute: runs one job.
        device: "cpu" or "cuda".
        environment: id of the environment, for every record.
        on_start: receives the unit, the member that is about to run and its progress.
        scratch: folder for files that outlive a kill; None if nothing is kept.
        parallel_units: number of units that run at the same time, for measures that allow it.
    """

    execute: Executor
    device: str
    environment: str
    on_start: Callable[[Unit, Member, str], None]
    scratch: Path | None = None
    parallel_units: int = 1

    def run(self, plan: Plan, finished: Mapping[Key, Record]) -> Iterator[tuple[Unit, list[Record]]]:
        """Yield every unfinished unit with its new records, in the order of the plan.

        Args:
            plan: the units.
            finished: records that are not measured again, see :func:`finished_records`. An incomplete timed unit is
                measured again as a whole, because its ratios need all members from one process.
        """
        failures: Failures = {}
        measure = partial(self._measure, plan.suite, finished, failures)
        for side_by_side, units in groupby(plan.units(), key=lambda unit: unit.group.side_by_side):
            measured = _map_in_order(measure, units, self.parallel_units if side_by_side else 1)
            yield from ((unit, records) for unit, records in measured if records)

    def run_again(self, suite: Suite, unit: Unit, earlier: Iterable[Record]) -> list[Record]:
        """Measure a unit again and return the new records, which replace the earlier ones.

        Members that were not measured the first time are left as they are.
        """
        kept = unmeasured_members(unit, earlier)
        records = _Attempt(self, unit, suite, kept, {}).records()
        return [record for index, record in records.items() if index not in kept]

    def _measure(
        self, suite: Suite, finished: Mapping[Key, Record], failures: Failures, unit: Unit
    ) -> tuple[Unit, list[Record]]:
        """The new records of a unit. Members that are in ``failures`` are skipped; new failures are added to it."""
        earlier = {index: finished[key] for index, key in unit.keys().items() if key in finished}
        kept, records = earlier, earlier
        if len(earlier) < len(unit.group.members):
            kept = {} if unit.group.timed else earlier
            failed_before = {} if unit.seed is not None else _reasons_to_skip(failures, unit.group)
            skipped = {**failed_before, **unsupported_members(unit.group, self.device)}
            records = _Attempt(self, unit, suite, kept, skipped).records()
        for index, record in records.items():
            if isinstance(record, FailedRecord):
                failures.setdefault((unit.group, index), failed_in(unit))
        return unit, [record for index, record in records.items() if index not in kept]


def _map_in_order(
    measure: Callable[[Unit], tuple[Unit, list[Record]]], units: Iterable[Unit], parallel_units: int
) -> Iterator[tuple[Unit, list[Record]]]:
    """Measure several units at a time and yield them in order.

    No more units are in progress than a kill may lose, which is one for each thread.
    """
    if parallel_units == 1:
        yield from map(measure, units)
        return
    pool, started = ThreadPoolExecutor(parallel_units), deque[Future[tuple[Unit, list[Record]]]]()
    try:
        for unit in units:
            started.append(pool.submit(measure, unit))
            if len(started) > parallel_units:
                yield started.popleft().result()
        while started:
            yield started.popleft().result()
    finally:
        # A caller that leaves early also closes the executor, which stops the processes that these threads wait for.
        pool.shutdown(wait=False, cancel_futures=True)


def finished_records(records: Iterable[Record], retry_failed: bool) -> dict[Key, Record]:
    """The records of an earlier run that are not measured again.

    Args:
        records: of the earlier run.
        retry_failed: whether failed and skipped members are measured again.
    """
    return {record.key: record for record in records if isinstance(record, MeasuredRecord) or not retry_failed}


def _reasons_to_skip(failures: Failures, group: Group) -> dict[int, str]:
    """Index of each member that failed in an earlier process → the reason to skip it.

    Measuring such a member again would be slow: a hang takes the whole timeout.
    """
    # A copy, since another thread may add failures.
    return {index: reason for (failed_group, index), reason in list(failures.items()) if failed_group == group}


def was_too_disturbed(records: Iterable[Record]) -> bool:
    """Whether a timed process had too few undisturbed rounds, so that it is worth measuring again."""
    measured = [record for record in records if isinstance(record, MeasuredRecord)]
    return any(
        not is_usable_process(value.samples, record.details)
        for record in measured
        for value in record.values
        if value.name == "latency"
    )


def worth_repeating(disturbed: Iterable[Unit]) -> list[Unit]:
    """The units of groups of which at most half of the processes were too disturbed.

    Where more were, the machine is busy all the time, and a repetition would be disturbed too.
    """
    units = list(disturbed)
    counts = Counter(unit.group for unit in units)
    return [unit for unit in units if 2 * counts[unit.group] <= len(unit.group.seeds)]


def unmeasured_members(unit: Unit, records: Iterable[Record]) -> dict[int, Record]:
    """Index of each member of a unit that failed or was skipped → its record."""
    by_cell = {(record.cell, record.role): record for record in records if not isinstance(record, MeasuredRecord)}
    members = ((member.index, (member.cell.id, member.role)) for member in unit.group.members)
    return {index: by_cell[key] for index, key in members if key in by_cell}


def failed_in(unit: Unit) -> str:
    """The reason to skip, in later processes, a member that failed in this unit."""
    return f"failed in process {unit.repeat + 1}"


def unsupported_members(group: Group, device: str) -> dict[int, str]:
    """Index of each member that the device cannot run → the reason."""
    reasons = {member.index: member.cell.unsupported_on(device) for member in group.members}
    return {index: reason for index, reason in reasons.items() if reason}


class _Attempt:
    """One unit of work, which starts again without the failing member until every member has a record."""

    def __init__(
        self,
        runner: Runner,
        unit: Unit,
        suite: Suite,
        kept: Mapping[int, Record],
        skipped: Mapping[int, str],
    ) -> None:
        self.runner, self.unit, self.suite = runner, unit, suite
        self.members = unit.group.members
        self.make = UnitRecords(suite.name, unit, runner.environment)
        self.recorded = dict(kept)
        for index, reason in skipped.items():
            if index not in self.recorded:
                self.recorded[index] = self.make.skipped(self.members[index], reason)

    def records(self) -> dict[int, Record]:
        """Index of each member → its record."""
        while pending := self._pending():
            self._run_worker(pending)
        return {member.index: self.recorded[member.index] for member in self.members}

    def _pending(self) -> tuple[Member, ...]:
        """The members without a record. If the baseline has no measurement, neither gets the rest of the group."""
        baseline = self.recorded.get(0)
        if baseline is not None and not isinstance(baseline, MeasuredRecord):
            reason = f"the group's baseline was not measured: {baseline.reason}"
            for member in self.members:
                if member.index not in self.recorded:
                    self.recorded[member.index] = (
                        self.make.failed(member, reason, None)
                        if isinstance(baseline, FailedRecord)
                        else self.make.skipped(member, reason)
                    )
        return tuple(member for member in self.members if member.index not in self.recorded)

    def _run_worker(self, pending: tuple[Member, ...]) -> None:
        """Measure the pending members in one worker. However it ends, at least one of them gets its record."""
        unit, running = self.unit, None
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
            match message:
                case Started(index=index, progress=progress):
                    running = index
                    self.runner.on_start(unit, self.members[index], progress)
                case Measured(index=index, values=values, details=details):
                    self.recorded[index] = self.make.measured(self.members[index], values, details)
                case Failed(index=failing, reason=reason, traceback=traceback):
                    self._fail(failing, pending, reason, traceback)
                    return
                case Died(reason=reason):
                    self._fail(running, pending, reason, None)
                    return
        for member in pending:
            if member.index not in self.recorded:
                reason = f"{unit.group.measure.name} returned no outcome for this member"
                self.recorded[member.index] = self.make.failed(member, reason, None)

    def _fail(self, running: int | None, pending: tuple[Member, ...], reason: str, traceback: str | None) -> None:
        """Fail the running member, or every pending member if none was running or the running one was measured.

        The measurements of a timed unit are discarded, because its ratios need all members from one process.
        """
        unrecorded = [member for member in pending if member.index not in self.recorded]
        culprits = [member for member in unrecorded if member.index == running] or unrecorded
        for culprit in culprits:
            self.recorded[culprit.index] = self.make.failed(culprit, reason, traceback)
        # Without a culprit the unit is complete, and discarding it would start it again without end.
        if self.unit.group.timed and culprits:
            self.recorded = {
                index: record for index, record in self.recorded.items() if not isinstance(record, MeasuredRecord)
            }
