"""The section on the reliability of times."""

import msgspec

from bench.report.blocks import BulletList, Figure, Heading, Paragraph
from bench.report.sections.timing import timing, uncounted_operators
from tests.bench.comparisons import comparison
from tests.bench.report.timed_run import report_data, timed_records, with_axes


def texts(*blocks: object) -> list[str]:
    return [block.text for block in blocks if isinstance(block, Paragraph)]


def test_processes_rounds_and_stopping() -> None:
    heading, sampling, _, controls, trace = timing(report_data(timed_records()))
    assert isinstance(heading, Heading) and isinstance(controls, BulletList) and isinstance(trace, Figure)
    [text] = texts(sampling)
    assert "5 fresh processes" in text and "2 rounds" in text and "0 of 15 records" in text
    assert len(controls.items) == 1


def test_ranges_of_processes_and_rounds() -> None:
    records = timed_records(processes=3)
    records += [with_axes(record, cell="/b", group="/b", batch=2) for record in timed_records()]
    records[0] = msgspec.structs.replace(records[0], details={"rounds": 8, "stopped_by": "target"})
    _, sampling, *_ = timing(report_data(records))
    [text] = texts(sampling)
    assert "3 to 5 fresh" in text and "2 to 8 rounds" in text and "1 of 24 records" in text


def test_runs_are_named_if_there_are_several() -> None:
    paragraphs = texts(*timing(report_data(timed_records(), timed_records())))
    assert [name for text in paragraphs for name in ("of a:", "of b:") if name in text] == ["of a:", "of b:"]


def test_uncounted_operators_are_named_once() -> None:
    details = {"uncounted_ops": ["odd", "even"]}
    counts = [comparison("simam", "complexity", name, details=details) for name in ("macs", "operators")]
    assert uncounted_operators([*counts, comparison("none", "complexity", "macs")]) == ["even", "odd"]
