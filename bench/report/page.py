"""The page of a report: its sections in order."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TypeAlias

from bench.report.blocks import Block, Page
from bench.report.data import ReportData, analyse
from bench.report.picker import Limit, best_under, picker
from bench.report.sections.accuracy import accuracy
from bench.report.sections.caveats import caveats
from bench.report.sections.costs import costs
from bench.report.sections.disturbance import disturbance
from bench.report.sections.environment import environment
from bench.report.sections.failures import failures
from bench.report.sections.findings import findings
from bench.report.sections.glance import glance
from bench.report.sections.published import published
from bench.report.sections.reproduce import reproduce
from bench.report.sections.sources import sources
from bench.report.sections.timing import timing
from bench.results.estimates import Comparison
from bench.store.stored_run import StoredRun

Section: TypeAlias = Callable[[ReportData], Iterator[Block]]

SECTIONS: Sequence[Section] = (
    disturbance,
    findings,
    glance,
    picker,
    caveats,
    accuracy,
    costs,
    published,
    timing,
    failures,
    environment,
    reproduce,
)
"""The sections in the order of the page; the records behind their tables follow."""


@dataclass(frozen=True)
class Report:
    """A page, and the data that it shows.

    Args:
        page: the page, for readers.
        data: the records and estimates, for programs.
    """

    page: Page
    data: ReportData

    @property
    def comparisons(self) -> Sequence[Comparison]:
        """All estimates."""
        return self.data.comparisons

    def _repr_html_(self) -> str:
        """The page for notebooks."""
        from bench.report.formats.html import fragment

        return f"<h1>{escape(self.page.title)}</h1>\n{fragment(self.page.blocks)}"


def compose(runs: Sequence[StoredRun], limits: Sequence[Limit] = ()) -> Report:
    """Report one or several runs.

    Args:
        runs: the runs.
        limits: limits on costs; the page then begins with the most accurate variants within them.

    Raises:
        RunError: a run has no records.
        InputError: the runs have no accuracy, or no value that a limit is on.
    """
    data = analyse(runs)
    blocks = [*best_under(data, limits), *(block for section in SECTIONS for block in section(data))]
    title = runs[0].title or runs[0].path.resolve().name
    return Report(Page(title, [*blocks, *sources(blocks)]), data)
