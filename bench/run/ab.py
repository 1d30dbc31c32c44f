"""Two revisions against one another: each in processes of its own, their blocks in one shuffled order."""

import os
import random
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from time import monotonic
from typing import Any

from bench.errors import InputError
from bench.measure import Outcome
from bench.measure.latency import Latency, outcome
from bench.measure.timing.sampler import Trace, calibrate, sample
from bench.measure.timing.stopping import Stopping
from bench.results.record import Record, Role, Status, Value
from bench.run.environment import Environment
from bench.run.executor import Launch
from bench.run.hold import Hold, HoldError, HoldingProcess, RemoteCall, RemoteClock
from bench.run.runner import make_record, members, unfit
from bench.run.worker import Member
from bench.suite.plan import Group, Plan, Unit

PAIRS = 6
"""Of processes, at least: the independent units of the interval."""

ROLES: tuple[Role, Role] = ("baseline", "variant")
"""Of the two sides: a cell at A is what the same cell at B is compared with."""

_NOTHING = Outcome(())


@dataclass(frozen=True)
class Side:
    """One of the two.

    Args:
        launch: starts a worker in its tree.
        environment: what the worker runs in.
    """

    launch: Launch
    environment: Environment


def launch(tree: Path, own: Path) -> Launch:
    """Workers with the ``bench`` of this process and the ``simam`` of a tree; ``own`` is the checkout we are in."""
    return Launch(("-m", "bench.run.side", str(tree), str(own)))


def build_extension(tree: Path) -> None:
    """Build what a tree has to be built, in it.

    Raises:
        InputError: it does not build; the message ends with what the compiler said.
    """
    if (tree / "setup.py").is_file():
        command = [sys.executable, "setup.py", "build_ext", "--inplace"]
        # Without a compiler both sides run without their kernels; with one, a side that does not build is no side.
        wanted = {"SIMAM_KERNELS": "required"} if shutil.which(shlex.split(os.environ.get("CC") or "cc")[0]) else {}
        done = subprocess.run(command, cwd=tree, capture_output=True, text=True, env={**os.environ, **wanted})
        if done.returncode != 0:
            raise InputError(f"the extension of {tree} does not build: {(done.stderr or done.stdout).strip()[-2000:]}")


def paired_plan(plan: Plan) -> Plan:
    """The plan with at least six repeats of what is timed, each a pair of processes.

    Raises:
        SuiteError: a timed measure other than latency, which nobody can stop and go on with block by block.
    """
    for group in plan.groups:
        if group.timed and not isinstance(group.measure.build(), Latency):
            raise plan.suite.source.error(
                ("measures", group.measure.name),
                "ab pairs latency and what is not timed; leave this one out with --only measure=latency",
            )
    groups = (
        replace(group, seeds=(None,) * max(PAIRS, len(group.seeds))) if group.timed else group for group in plan.groups
    )
    return Plan(plan.suite, tuple(groups))


def untimed(plan: Plan) -> Plan:
    return Plan(plan.suite, tuple(group for group in plan.groups if not group.timed))


def on_side(record: Record, number: int) -> Record:
    """A record of one side's own run as one half of a pair: its side is its role."""
    return replace(record, role=ROLES[number])


def time_pairs(
    plan: Plan, sides: tuple[Side, Side], device: str, on_start: Callable[[Unit, Member], None]
) -> Iterator[tuple[Unit, list[Record]]]:
    """Every repeat of every timed group, with the records of both sides.

    Args:
        plan: from :func:`paired_plan`.
        sides: A and B.
        device: "cpu" or "cuda".
        on_start: told the unit and the member that is about to run, for progress.
    """
    failed: dict[tuple[Group, int], str] = {}
    for unit in plan.units():
        if unit.group.timed:
            yield unit, _Pair(plan, sides, device, unit, on_start).records(failed)


class _Pair:
    """One repeat: a process a side, begun again without a member that fails on either."""

    def __init__(
        self,
        plan: Plan,
        sides: tuple[Side, Side],
        device: str,
        unit: Unit,
        on_start: Callable[[Unit, Member], None],
    ) -> None:
        self.suite, self.sides, self.device, self.unit, self.on_start = plan.suite, sides, device, unit, on_start
        self.members = [member for member in members(unit.group) if member.role != "twin"]
        self.began, self.clock = datetime.now(timezone.utc).isoformat(timespec="seconds"), monotonic()
        self.random = random.Random(unit.repeat)

    def records(self, failed: dict[tuple[Group, int], str]) -> list[Record]:
        """The records of this repeat; what fails is added to ``failed`` and skipped in the repeats after it."""
        group = self.unit.group
        known = {index: reason for (other, index), reason in failed.items() if other == group}
        skipped = {**known, **unfit(group, self.device)}
        found = [
            self._record(side, member, "skipped", skipped[member.index])
            for member in self.members
            for side in (0, 1)
            if member.index in skipped
        ]
        pending = [member for member in self.members if member.index not in skipped]
        while pending:
            try:
                return found + self._timed(tuple(pending))
            except HoldError as error:
                culprits = [member for member in pending if error.index in (None, member.index)]
                for member in culprits:
                    failed[group, member.index] = f"failed in repeat {self.unit.repeat}: {error.reason}"
                    found.append(self._record(error.side, member, "failed", error.reason, error.traceback))
                pending = [member for member in pending if member not in culprits]
        return found

    def _timed(self, pending: Sequence[Member]) -> list[Record]:
        with ExitStack() as stack:
            processes = []
            for number, side in enumerate(self.sides):
                processes.append(HoldingProcess(number, side.launch, self.suite.timeout))
                stack.callback(processes[-1].stop)
            held: dict[int, Any] = {}
            # Either may come first: the second to build finds the machine as the first has left it.
            task = Hold(self.unit.group.measure.build(), tuple(pending), self.unit.seed, self.device)
            for process in self.random.sample(processes, 2):
                held[process.side] = process.build(task)
            trace = self._sample(task.latency, processes, pending, held[0])
        return [
            self._record(side, member, "ok", seen=_outcome(trace, 2 * place + side, held[side]["held"][place]))
            for place, member in enumerate(pending)
            for side in (0, 1)
        ]

    def _sample(
        self, latency: Latency, processes: Sequence[HoldingProcess], pending: Sequence[Member], held: Any
    ) -> Trace:
        calls = [RemoteCall(process, member.index) for member in pending for process in processes]
        clock = RemoteClock(held["separate_wall"], held["shortest_block"])

        def announce(index: int) -> None:
            self.on_start(self.unit, pending[index // 2])

        first = [index // 2 * 2 for index in range(len(calls))]
        counts = calibrate(calls, clock, announce)
        return sample(
            calls,
            # Both sides of a cell in equally long blocks, so that what a block costs to begin is the same for both.
            [max(counts[index], counts[index + 1]) for index in first],
            clock=clock,
            stopping=Stopping(latency.target, latency.budget / len(self.unit.group.seeds), tuple(first)),
            shuffle=self.random.shuffle,
            announce=announce,
        )

    def _record(
        self,
        side: int,
        member: Member,
        status: Status,
        reason: str | None = None,
        traceback: str | None = None,
        seen: Outcome = _NOTHING,
    ) -> Record:
        return make_record(
            self.suite.name,
            self.unit,
            member,
            role=ROLES[side],
            environment=self.sides[side].environment.id,
            started=self.began,
            elapsed=monotonic() - self.clock,
            status=status,
            reason=reason,
            traceback=traceback,
            values=seen.values,
            details=seen.details,
        )


def _outcome(trace: Trace, place: int, held: Any) -> Outcome:
    early = tuple(Value(**{**value, "samples": tuple(value["samples"])}) for value in held["values"])
    return outcome(trace, place, held["settings"], early)
