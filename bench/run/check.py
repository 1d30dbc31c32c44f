"""Build every network once without memory or arithmetic, so that a bad option stops a run before it measures."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from bench.measure import Outcome, Subject
from bench.run.executor import Executor
from bench.run.worker import Job, Member
from bench.suite.measures import MeasureSpec
from bench.suite.plan import Plan


@dataclass(frozen=True)
class Buildable:
    """Builds on the meta device and gives no value. A measure, so that a constructor may crash without harm."""

    axes: ClassVar = frozenset({"backbone", "attention", "placement"})
    gates: ClassVar = ()
    timed: ClassVar = False

    def measure(
        self, group: Sequence[Subject], announce: Callable[[Subject], None], seed: int
    ) -> Iterator[tuple[Subject, Outcome]]:
        for subject in group:
            announce(subject)
            subject.build("meta")
            yield subject, Outcome(())


def check_networks(plan: Plan, execute: Executor) -> None:
    """Build each distinct network of a plan.

    Raises:
        SuiteError: a network or a module cannot be built as asked.
    """
    every = (cell for group in plan.groups for cell in (group.baseline, *group.variants))
    # A measure of the machine reads no axis, and so has no network.
    cells = {cell.project(Buildable.axes) for cell in every if cell.backbone is not None}
    members = tuple(
        Member(index, "variant", cell) for index, cell in enumerate(sorted(cells, key=lambda each: each.id))
    )
    current = "the networks"
    job = Job(MeasureSpec(f"{__name__}:Buildable"), members, repeat=0, seed=None, device="cpu", fresh=False)
    for message in execute(job, plan.suite.timeout):
        if "start" in message:
            current = members[message["start"]].cell.id
        reason = message.get("died") or message.get("reason")
        if reason:
            raise plan.suite.source.error(("axes",), f"cannot build {current}: {reason}")
