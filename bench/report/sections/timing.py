"""The reliability of the times: sampling, A/A controls, and the trace of the sampler."""

from collections.abc import Iterable, Iterator

from bench.report.blocks import Block, BulletList, Heading, Paragraph, first_figures
from bench.report.data import ReportData
from bench.report.sections.latency import control_sentences
from bench.results.controls import is_compared_time
from bench.results.estimates import Comparison

CONTROL_NOTE = (
    "The A/A control is a second, identical build of the baseline, measured in the same rounds. The resolution of a "
    "group is the larger of the threshold and the far end of its control's interval. A variant is slower or faster if "
    "its whole interval lies beyond the resolution, and not different if it lies within:"
)


def timing(data: ReportData) -> Iterator[Block]:
    """The sampling of times, the results of the controls, and the operators that could not be counted."""
    from bench.report.figures.trace import trace

    sampled = list(_sampling(data))
    controls = list(control_sentences(data.costs, data.threshold))
    if sampled or controls:
        yield Heading("Timing and A/A controls")
    for sentence in sampled:
        yield Paragraph(sentence)
    if controls:
        yield Paragraph(CONTROL_NOTE)
        yield BulletList(controls)
    yield from first_figures(trace(data))
    if names := uncounted_operators(data.costs):
        yield Paragraph(f"Not counted as elementwise ops, because their arithmetic is unknown: {', '.join(names)}.")


def _sampling(data: ReportData) -> Iterator[str]:
    """A sentence on the sampling of each run's latencies."""
    timed = data.frame[(data.frame["measure"] == "latency") & (data.frame["value"] == "latency")]
    for run, rows in timed.groupby("run", sort=False):
        rounds = [details["rounds"] for details in rows["details"]]
        reasons = [details["stopped_by"] for details in rows["details"]]
        processes = rows.groupby("group")["repeat"].nunique()  # an interrupted run has fewer in some groups
        yield (
            f"Timing{f' of {run}' if data.several_runs else ''}: {_span(processes)} fresh processes per group, "
            f"{_span(rounds)} rounds in each. Sampling reached its target precision in {reasons.count('target')} of "
            f"{len(reasons)} records and stopped at the end of its budget, or at its limit on wall time, in the others."
        )
        yield from _disturbed(str(run), data)


def _disturbed(run: str, data: ReportData) -> Iterator[str]:
    """A sentence on the disturbed rounds of a run, if there are any."""
    timed = [
        member.disturbance
        for member in data.costs
        if member.run == run and member.role == "baseline" and is_compared_time(member) and member.disturbance
    ]
    rounds, disturbed = sum(group.rounds for group in timed), sum(group.disturbed for group in timed)
    left_out = sum(group.left_out for group in timed)
    if disturbed:
        processes = f" {left_out} processes had too few other rounds and are left out as a whole." if left_out else ""
        yield (
            f"Other processes disturbed {100 * disturbed / rounds:.1f} % of the rounds. Disturbed rounds are recorded "
            f"and left out of the estimates.{processes}"
        )


def _span(counts: Iterable[int]) -> str:
    """The range of counts: "8", or "8 to 64"."""
    numbers = list(counts)
    return " to ".join(map(str, dict.fromkeys((min(numbers), max(numbers)))))


def uncounted_operators(comparisons: Iterable[Comparison]) -> list[str]:
    """The operators that ran and whose arithmetic is not in the table of counts."""
    return sorted({name for member in comparisons for name in member.details.get("uncounted_ops", ())})
