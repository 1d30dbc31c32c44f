"""A statement on the machine, if it was too busy to time a group without disturbance."""

from collections.abc import Iterator

from bench.report.blocks import Block, Paragraph
from bench.report.data import ReportData
from bench.report.names import network_name, shared_conditions
from bench.report.numbers import enumerated
from bench.results.controls import is_compared_time

REMEDY = (
    "Measure again at a quieter time, with fewer threads (`threads: [1]` in the suite's axes), or with the environment "
    "variable `OMP_WAIT_POLICY=passive`, which keeps waiting threads from using a core."
)


def disturbance(data: ReportData) -> Iterator[Block]:
    """A paragraph on the groups that stayed disturbed, with the remedy; nothing if there are none."""
    busy = [
        f"{network_name(member.axes['backbone'])} ({shared_conditions(member, member)}; "
        f"{100 * member.disturbance.share:.0f} % of the rounds disturbed)"
        for member in data.costs
        if member.role == "baseline"
        and is_compared_time(member)
        and member.disturbance is not None
        and member.disturbance.busy
    ]
    if busy:
        yield Paragraph(
            f"The machine was busy: other processes used its CPUs during most of the timing of {enumerated(busy)}. The "
            f"times of {'this group' if len(busy) == 1 else 'these groups'} are inconclusive. {REMEDY}"
        )
