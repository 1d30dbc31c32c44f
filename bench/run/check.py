"""Build every network once without memory or arithmetic, so that a bad option stops a run before it measures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from bench.measure import Announce, Outcome, Subject
from bench.run.executor import Executor
from bench.run.runner import members
from bench.run.worker import Job, Member
from bench.suite.measures import MeasureSpec
from bench.suite.plan import Plan


@dataclass(frozen=True)
class Buildable:
    """Builds on the meta device and gives no value. A measure, so that a constructor may crash without harm."""

    axes: ClassVar = frozenset({"backbone", "attention", "placement"})
    gates: ClassVar = ()
    timed: ClassVar = False

    def measure(self, group: Sequence[Subject], announce: Announce, seed: int) -> Iterator[tuple[Subject, Outcome]]:
        for subject in group:
            announce(subject)
            subject.build("meta")
            yield subject, Outcome(())


@dataclass(frozen=True)
class Usable:
    """Asks a measure what would stop it, and gives no value."""

    measures: MeasureSpec

    axes: ClassVar[frozenset[str]] = frozenset()
    gates: ClassVar = ()
    timed: ClassVar = False

    def measure(self, group: Sequence[Subject], announce: Announce, seed: int) -> Iterator[tuple[Subject, Outcome]]:
        measure = self.measures.build()
        for subject in group:
            announce(subject)
            measure.check(subject)
            yield subject, Outcome(())


def check(plan: Plan, execute: Executor) -> None:
    """Build each distinct network of a plan, and ask the measures that can tell whether they can do their work.

    Raises:
        SuiteError: a network or a module cannot be built as asked, or a measure lacks something.
    """
    _check_networks(plan, execute)
    for group in plan.groups:
        if hasattr(group.measure.build(), "check"):
            spec = MeasureSpec(f"{__name__}:Usable", (("measures", group.measure),))
            for seed in dict.fromkeys(group.seeds):
                job = Job(spec, members(group), 0, seed, "cpu", fresh=False, data=plan.suite.data)
                culprit, reason = _first_failure(job, plan, execute)
                if reason:
                    name = group.measure.name
                    raise plan.suite.source.error(("measures", name), f"cannot measure {culprit}: {reason}")


def _check_networks(plan: Plan, execute: Executor) -> None:
    named = (cell for group in plan.groups for cell in (group.baseline, *group.variants))
    # A measure of the machine reads no axis, and so has no network.
    cells = {cell.project(Buildable.axes) for cell in named if cell.backbone is not None}
    every = tuple(Member(index, "variant", cell) for index, cell in enumerate(sorted(cells, key=lambda each: each.id)))
    job = Job(MeasureSpec(f"{__name__}:Buildable"), every, repeat=0, seed=None, device="cpu", fresh=False)
    culprit, reason = _first_failure(job, plan, execute)
    if reason:
        raise plan.suite.source.error(("axes",), f"cannot build {culprit}: {reason}")


def _first_failure(job: Job, plan: Plan, execute: Executor) -> tuple[str, str | None]:
    """The member that a job failed at first, and why; None where none did."""
    current = "the networks"
    for message in execute(job, plan.suite.timeout):
        if "start" in message:
            current = job.members[message["start"]].cell.id
        reason = message.get("died") or message.get("reason")
        if reason:
            return current, reason
    return current, None
