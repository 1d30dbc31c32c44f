"""Checks before a run: build every network once on meta, and call the ``check`` methods of the measures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from bench.measure import Announce, Outcome, Subject
from bench.run.executors import Executor
from bench.run.messages import Died, Failed, Started
from bench.run.worker import Job
from bench.suite.measures import MeasureSpec
from bench.suite.plan import Member, Plan


@dataclass(frozen=True)
class BuildCheck:
    """Builds networks on the meta device. It is a measure, so that a crash of a constructor ends only a worker."""

    axes: ClassVar = frozenset({"backbone", "attention", "placement"})
    gates: ClassVar = ()
    timed: ClassVar = False

    def measure(self, group: Sequence[Subject], announce: Announce, seed: int) -> Iterator[tuple[Subject, Outcome]]:
        for subject in group:
            announce(subject)
            subject.build("meta")
            yield subject, Outcome(())


@dataclass(frozen=True)
class MeasureCheck:
    """Calls the ``check`` method of another measure.

    Args:
        checked: the other measure.
    """

    checked: MeasureSpec

    axes: ClassVar[frozenset[str]] = frozenset()
    gates: ClassVar = ()
    timed: ClassVar = False

    def measure(self, group: Sequence[Subject], announce: Announce, seed: int) -> Iterator[tuple[Subject, Outcome]]:
        measure = self.checked.build()
        for subject in group:
            announce(subject)
            measure.check(subject)
            yield subject, Outcome(())


def check_plan(plan: Plan, execute: Executor) -> None:
    """Build each distinct network of a plan, and call the measures that have a ``check`` method.

    Raises:
        SuiteError: a network or a module cannot be built with its options, or a ``check`` method fails.
    """
    _check_networks(plan, execute)
    for group in plan.groups:
        if hasattr(group.measure.build(), "check"):
            spec = MeasureSpec(f"{__name__}:MeasureCheck", (("checked", group.measure),))
            for seed in dict.fromkeys(group.seeds):
                job = Job(spec, group.members, 0, seed, "cpu", fresh=False, data=plan.suite.data)
                culprit, reason = _first_failure(job, plan, execute)
                if reason:
                    name = group.measure.name
                    raise plan.suite.source.error(("measures", name), f"cannot measure {culprit}: {reason}")


def _check_networks(plan: Plan, execute: Executor) -> None:
    planned = (cell for group in plan.groups for cell in (group.baseline, *group.variants))
    # A measure of the machine depends on no axis, so its cell has no network.
    cells = {cell.project(BuildCheck.axes) for cell in planned if cell.backbone is not None}
    ordered = sorted(cells, key=lambda cell: cell.id)
    members = tuple(Member(index, "variant", cell) for index, cell in enumerate(ordered))
    job = Job(MeasureSpec(f"{__name__}:BuildCheck"), members, repeat=0, seed=None, device="cpu", fresh=False)
    culprit, reason = _first_failure(job, plan, execute)
    if reason:
        raise plan.suite.source.error(("axes",), f"cannot build {culprit}: {reason}")


def _first_failure(job: Job, plan: Plan, execute: Executor) -> tuple[str, str | None]:
    """The id of the first failing cell of a job, and the reason; None if no cell fails."""
    running = "the networks"
    for message in execute(job, plan.suite.timeout):
        if isinstance(message, Started):
            running = job.members[message.index].cell.id
        elif isinstance(message, Failed | Died):
            return running, message.reason
    return running, None
