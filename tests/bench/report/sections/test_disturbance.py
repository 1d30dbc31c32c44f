"""The statement on a busy machine."""

import msgspec

from bench.report.blocks import Paragraph
from bench.report.sections.disturbance import disturbance
from bench.report.sections.timing import timing
from bench.store.record import MeasuredRecord
from tests.bench.report.timed_run import report_data, timed_records


def disturbed_records(busy_processes: int) -> list[MeasuredRecord]:
    """Records of six processes with two rounds each; of some, the first round is disturbed."""
    return [
        msgspec.structs.replace(record, details={"rounds": 2, "stopped_by": "patience", "disturbed": [0]})
        if record.repeat < busy_processes
        else record
        for record in timed_records(processes=6)
    ]


def test_busy_group_is_stated_with_the_remedy() -> None:
    [paragraph] = disturbance(report_data(disturbed_records(4)))
    assert isinstance(paragraph, Paragraph)
    assert "ResNet-18" in paragraph.text and "33 % of the rounds" in paragraph.text
    assert "OMP_WAIT_POLICY" in paragraph.text


def test_processes_that_are_left_out_are_counted() -> None:
    data = report_data(disturbed_records(3))
    assert list(disturbance(data)) == []
    text = " ".join(block.text for block in timing(data) if isinstance(block, Paragraph))
    assert "25.0 % of the rounds" in text and "3 processes" in text
    [variant] = [member for member in data.costs if member.role == "variant"]
    assert variant.repeats == 3


def test_quiet_run_states_nothing() -> None:
    data = report_data(timed_records())
    assert list(disturbance(data)) == []
    assert not any("disturb" in block.text for block in timing(data) if isinstance(block, Paragraph))
