"""The findings at the top of a page."""

from pathlib import Path

from bench.report.blocks import BulletList, Paragraph
from bench.report.data import ReportData, analyse
from bench.report.sections.findings import findings
from tests.bench.report.example_run import example_run, records
from tests.bench.report.timed_run import report_data, timed_records
from tests.factories import stored_run


def items(data: ReportData) -> list[str]:
    bullets, *_ = findings(data)
    assert isinstance(bullets, BulletList)
    return list(bullets.items)


def test_accuracies_come_before_times() -> None:
    better, worse, times = items(analyse([example_run()]))
    assert "more accurate" in better and "less accurate" in worse
    assert "latency" in times and not any("operators" in item for item in (better, worse, times))


def test_counts_and_published_numbers_alone() -> None:
    counts = [record for record in records() if record.measure in ("complexity", "memory")]
    data = analyse([stored_run(Path("a"), counts)])
    *modules, published = items(data)
    assert [item.split()[0] for item in modules] == ["SimAM", "SE", modules[-1].split()[0]]
    # The example's counts are small numbers, so they equal none of the five published ones.
    assert "0 of 1 from" in published and "0 of 4 from" in published
    assert isinstance(list(findings(data))[-1], Paragraph)


def test_times_alone() -> None:
    assert len(items(report_data(timed_records()))) == 1
