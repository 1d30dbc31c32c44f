"""The findings of a report, in sentences."""

from collections.abc import Iterator

from bench.report.blocks import Block, BulletList, Paragraph
from bench.report.data import ReportData
from bench.report.sections.accuracy import accuracy_sentences
from bench.report.sections.counts import count_sentences
from bench.report.sections.latency import latency_sentences
from bench.report.sections.published import agreement, published_table

COUNTS_NOTE = "Counts are multiples of the baseline's; ranges are over all placements and conditions below."


def findings(data: ReportData) -> Iterator[Block]:
    """Sentences on accuracies and times, or on counts if there are neither."""
    tested = [
        *accuracy_sentences(data.comparisons, data.gains),
        *latency_sentences(data.costs, data.times),
    ]
    if tested:
        yield BulletList(tested)
        return
    counted = list(count_sentences(data.costs))
    published = published_table(data.comparisons) if counted else None
    yield BulletList([*counted, *([agreement(published)] if published else [])])
    if counted:
        yield Paragraph(COUNTS_NOTE)
