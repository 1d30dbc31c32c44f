"""Checks before a run: build and call every network once, and call the ``check`` methods of the measures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from bench.measure import Announce, Outcome, Subject
from bench.run.executors import Executor
from bench.run.messages import Died, Failed, Measured, Started
from bench.run.worker import Job
from bench.suite.axes import Cell
from bench.suite.measures import MeasureSpec
from bench.suite.plan import Member, Plan


@dataclass(frozen=True)
class BuildCheck:
    """Builds networks and checks the contract of their modules, on the meta device if that works and else on the CPU.

    It is a measure, so that a crash of a constructor ends only a worker. The details have notes for the user.
    """

    axes: ClassVar = frozenset({"backbone", "attention", "placement", "resolution"})
    gates: ClassVar = ()
    timed: ClassVar = False

    def measure(self, group: Sequence[Subject], announce: Announce, seed: int) -> Iterator[tuple[Subject, Outcome]]:
        for subject in group:
            announce(subject)
            yield subject, Outcome((), {"notes": subject.check()})


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


def check_plan(plan: Plan, execute: Executor) -> list[str]:
    """Check each distinct network of a plan, and call the measures that have a ``check`` method.

    Returns:
        Sentences for the user, on what is unusual but allowed.

    Raises:
        SuiteError: a network or a module cannot be built with its options, a module breaks its contract, or a ``check``
            method fails.
    """
    notes = _check_networks(plan, execute)
    for group in plan.groups:
        if hasattr(group.measure.build(), "check"):
            spec = MeasureSpec(f"{__name__}:MeasureCheck", (("checked", group.measure),))
            every_seed = getattr(group.measure.build(), "check_every_seed", True)
            for seed in dict.fromkeys(group.seeds if every_seed else group.seeds[:1]):
                job = Job(spec, group.members, 0, seed, "cpu", fresh=False, data=plan.suite.data)
                _run_checks(job, plan, execute, ("measures", group.measure.name), "measure")
    return notes


def _check_networks(plan: Plan, execute: Executor) -> list[str]:
    planned = (cell for group in plan.groups for cell in (group.baseline, *group.variants))
    # A measure of the machine depends on no axis, so its cell has no network. One resolution of each network suffices.
    cells: dict[Cell, Cell] = {}
    for cell in planned:
        if cell.backbone is not None:
            cells.setdefault(cell.project(BuildCheck.axes - {"resolution"}), cell.project(BuildCheck.axes))
    ordered = sorted(cells.values(), key=lambda cell: cell.id)
    members = tuple(Member(index, "variant", cell) for index, cell in enumerate(ordered))
    job = Job(MeasureSpec(f"{__name__}:BuildCheck"), members, repeat=0, seed=None, device="cpu", fresh=False)
    answers = _run_checks(job, plan, execute, ("axes",), "build")
    return list(dict.fromkeys(note for answer in answers for note in answer.details["notes"]))


def _run_checks(job: Job, plan: Plan, execute: Executor, where: tuple[str, ...], purpose: str) -> list[Measured]:
    """The answers to a job that checks cells.

    Raises:
        SuiteError: a cell fails; the message has the reason.
    """
    running, answers = "the networks", []
    for message in execute(job, plan.suite.timeout):
        if isinstance(message, Started):
            running = job.members[message.index].cell.id
        elif isinstance(message, Measured):
            answers.append(message)
        elif isinstance(message, Failed | Died):
            raise plan.suite.source.error(where, f"cannot {purpose} {running}: {message.reason}")
    return answers
