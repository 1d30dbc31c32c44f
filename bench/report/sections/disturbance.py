"""A statement on the machine, if it was too busy to time a group without disturbance."""

from collections.abc import Iterator

from bench.report.blocks import Block, Paragraph
from bench.report.data import ReportData
from bench.report.names import network_name, shared_conditions
from bench.report.numbers import enumerated
from bench.results.controls import is_compared_time
from bench.results.estimates import Comparison

MAX_BACKGROUND = 0.3
"""Allowed CPU time of a process while it waits, as a share of the time."""
REMEDY = (
    "Measure again at a quieter time, with fewer threads (`threads: [1]` in the suite's axes), or with the environment "
    "variable `OMP_WAIT_POLICY=passive`, which keeps waiting threads from using a core."
)


def disturbance(data: ReportData) -> Iterator[Block]:
    """A paragraph on the groups that stayed disturbed, with the remedy, and one on modules with busy threads."""
    yield from _busy_threads(data)
    busy = [
        f"{network_name(member.axes['backbone'])} ({shared_conditions(member, member)}; "
        f"{100 * member.disturbance.share:.0f} % of the rounds disturbed)"
        for member in _timed_baselines(data)
        if member.disturbance is not None and member.disturbance.busy
    ]
    if busy:
        yield Paragraph(
            f"The machine was busy: other processes used its CPUs during most of the timing of {enumerated(busy)}. The "
            f"times of {'this group' if len(busy) == 1 else 'these groups'} are inconclusive. {REMEDY}"
        )


def _busy_threads(data: ReportData) -> Iterator[Block]:
    """A paragraph on the networks whose process computes while it waits."""
    busy = [
        f"{network_name(member.axes['backbone'])} ({shared_conditions(member, member)}; "
        f"{100 * member.details['background_share']:.0f} % of a CPU)"
        for member in _timed_baselines(data)
        if (member.details.get("background_share") or 0.0) > MAX_BACKGROUND
    ]
    if busy:
        yield Paragraph(
            f"A thread that a module has started computes between the calls of {enumerated(busy)}. It slows down all "
            "modules of the group; find it, or measure the modules one by one with --only attention=NAME."
        )


def _timed_baselines(data: ReportData) -> Iterator[Comparison]:
    """The baseline of each timed group, whose process stands for those of all members."""
    return (member for member in data.costs if member.role == "baseline" and is_compared_time(member))
