"""Pairs of processes, one for each revision, whose timed blocks are interleaved in one shuffled order."""

import os
import random
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from bench.ab.worker import GroupProcess, GroupProcessError, GroupTask, RemoteCall, RemoteClock
from bench.errors import InputError
from bench.measure.latency import Latency, outcome_of_trace
from bench.measure.timing.sampler import Trace, choose_iterations, sample
from bench.results.columns import Role
from bench.run.executors.local import Launch
from bench.run.messages import Built, BuiltMember
from bench.run.runner import Failures, failed_in, unsupported_members
from bench.run.unit_records import UnitRecords
from bench.store.environment import Environment
from bench.store.record import MeasuredRecord, Record
from bench.suite.plan import Member, Plan, Unit

MIN_PAIRS = 6
"""Least number of process pairs, the independent units of the interval."""

SIDE_ROLES: tuple[Role, Role] = ("baseline", "variant")
"""Roles of the records of A and B: a cell at A is the reference of the same cell at B."""


@dataclass(frozen=True)
class Checkout:
    """A revision that is checked out and built.

    Args:
        launch: how to start a worker that imports from it.
        environment: the environment of that worker.
    """

    launch: Launch
    environment: Environment


def tree_launch(tree: Path, current: Path) -> Launch:
    """How to start a worker with the current ``bench`` and the ``simam`` of a tree.

    Args:
        tree: the folder of a checked-out revision.
        current: the checkout that contains the current ``bench``.
    """
    return Launch(("-m", "bench.ab.tree_worker", str(tree), str(current)))


def build_extension(tree: Path) -> None:
    """Build the extension modules of a tree in place, if it has any.

    Raises:
        InputError: the build fails; the message ends with the compiler's output.
    """
    if (tree / "setup.py").is_file():
        command = [sys.executable, "setup.py", "build_ext", "--inplace"]
        # Without a compiler, both revisions run without their kernels. With one, a failing build is an error.
        compiler = shlex.split(os.environ.get("CC") or "cc")[0]
        required = {"SIMAM_KERNELS": "required"} if shutil.which(compiler) else {}
        done = subprocess.run(command, cwd=tree, capture_output=True, text=True, env={**os.environ, **required})
        if done.returncode != 0:
            raise InputError(f"the extension of {tree} does not build: {(done.stderr or done.stdout).strip()[-2000:]}")


def paired_plan(plan: Plan) -> Plan:
    """The plan with at least six pairs of processes for each timed group.

    Raises:
        SuiteError: a timed measure is not latency; others cannot be timed block by block.
    """
    for group in plan.groups:
        if group.timed and not isinstance(group.measure.build(), Latency):
            raise plan.suite.source.error(
                ("measures", group.measure.name),
                "ab can time latency only; leave this measure out, as in --only measure=latency",
            )
    groups = (
        replace(group, seeds=(None,) * max(MIN_PAIRS, len(group.seeds))) if group.timed else group
        for group in plan.groups
    )
    return Plan(plan.suite, tuple(groups))


def untimed_plan(plan: Plan) -> Plan:
    """The groups of a plan that are not timed."""
    return Plan(plan.suite, tuple(group for group in plan.groups if not group.timed))


def with_side_role(record: Record, side: int) -> Record:
    """A record with the role of its side, 0 or 1, in place of its role in the group."""
    return msgspec.structs.replace(record, role=SIDE_ROLES[side])


def time_pairs(
    plan: Plan,
    units: Iterable[Unit],
    checkouts: tuple[Checkout, Checkout],
    device: str,
    on_start: Callable[[Unit, Member], None],
) -> Iterator[tuple[Unit, list[Record]]]:
    """Yield timed units of work with the records of both revisions.

    Args:
        plan: the result of :func:`paired_plan`.
        units: the timed units of the plan to measure.
        checkouts: A and B.
        device: "cpu" or "cuda".
        on_start: receives the unit and the member that is about to run.
    """
    failures: Failures = {}
    for unit in units:
        yield unit, _Pair(plan, checkouts, device, unit, on_start).records(failures)


def time_pair_again(
    plan: Plan,
    unit: Unit,
    earlier: Iterable[Record],
    checkouts: tuple[Checkout, Checkout],
    device: str,
    on_start: Callable[[Unit, Member], None],
) -> list[Record]:
    """Time a unit again and return the new records, which replace the earlier ones.

    Members that were not measured the first time are left as they are. The other arguments are those of
    :func:`time_pairs`.
    """
    measured = {record.cell for record in earlier if isinstance(record, MeasuredRecord)}
    pair = _Pair(plan, checkouts, device, unit, on_start)
    return pair.records_of([member for member in pair.members if member.cell.id in measured], {})


class _Pair:
    """One pair of processes, started again without a member that fails in either."""

    def __init__(
        self,
        plan: Plan,
        checkouts: tuple[Checkout, Checkout],
        device: str,
        unit: Unit,
        on_start: Callable[[Unit, Member], None],
    ) -> None:
        self.suite, self.checkouts, self.device = plan.suite, checkouts, device
        self.unit, self.on_start = unit, on_start
        self.members = [member for member in unit.group.members if member.role != "control"]
        self.random = random.Random(unit.repeat)
        self.make = tuple(
            UnitRecords(plan.suite.name, unit, checkout.environment.id, role)
            for checkout, role in zip(checkouts, SIDE_ROLES, strict=True)
        )

    def records(self, failures: Failures) -> list[Record]:
        """The records of this pair. Members that are in ``failures`` are skipped; new failures are added to it."""
        group = self.unit.group
        failed_before = {index: reason for (failed_group, index), reason in failures.items() if failed_group == group}
        skipped = {**failed_before, **unsupported_members(group, self.device)}
        records: list[Record] = [
            make.skipped(member, skipped[member.index])
            for member in self.members
            for make in self.make
            if member.index in skipped
        ]
        return records + self.records_of([member for member in self.members if member.index not in skipped], failures)

    def records_of(self, pending: Sequence[Member], failures: Failures) -> list[Record]:
        """The records of some members. New failures are added to ``failures``."""
        records: list[Record] = []
        while pending:
            try:
                return records + self._measure(tuple(pending))
            except GroupProcessError as error:
                culprits = [member for member in pending if error.index in (None, member.index)]
                for member in culprits:
                    failures[self.unit.group, member.index] = f"{failed_in(self.unit)}: {error.reason}"
                    records.append(self.make[error.side].failed(member, error.reason, error.traceback))
                pending = [member for member in pending if member not in culprits]
        return records

    def _measure(self, pending: Sequence[Member]) -> list[Record]:
        with ExitStack() as stack:
            processes = []
            for side, checkout in enumerate(self.checkouts):
                processes.append(GroupProcess(side, checkout.launch, self.suite.timeout))
                stack.callback(processes[-1].stop)
            built: dict[int, Built] = {}
            task = GroupTask(self.unit.group.measure.build(), tuple(pending), self.unit.seed, self.device)
            # In random order, because the second build finds the machine as the first one left it.
            for process in self.random.sample(processes, 2):
                built[process.side] = process.build(task)
            trace = self._sample(task.latency, processes, pending, built[0])
            for process in processes:
                process.finish()
        return [
            self._measured(side, member, trace, 2 * position + side, built[side].members[position])
            for position, member in enumerate(pending)
            for side in (0, 1)
        ]

    def _sample(
        self, latency: Latency, processes: Sequence[GroupProcess], pending: Sequence[Member], built: Built
    ) -> Trace:
        calls = [RemoteCall(process, member.index) for member in pending for process in processes]
        clock = RemoteClock(built.separate_wall, built.shortest_block, built.fewest_calls)

        def announce(index: int) -> None:
            self.on_start(self.unit, pending[index // 2])

        references = [index // 2 * 2 for index in range(len(calls))]
        pairs = len(self.unit.group.seeds)
        chosen = choose_iterations(calls, clock, announce, latency.budget / pairs)
        # Both revisions of a cell run blocks of the same length, so that the overhead of a block cancels out.
        iterations = [max(chosen[reference], chosen[reference + 1]) for reference in references]
        return sample(
            calls,
            iterations,
            clock=clock,
            stopping=latency.stopping(pairs, iterations, tuple(references)),
            shuffle=self.random.shuffle,
            announce=announce,
        )

    def _measured(self, side: int, member: Member, trace: Trace, index: int, built: BuiltMember) -> MeasuredRecord:
        outcome = outcome_of_trace(trace, index, built.settings, built.values)
        return self.make[side].measured(member, outcome.values, outcome.details)
