"""The list of failed and skipped measurements."""

from bench.report.blocks import BulletList, Heading
from bench.report.data import analyse
from bench.report.sections.failures import failures
from bench.store.record import Record, Value
from tests.bench.report.example_run import example_run
from tests.factories import failed, record, skipped


def lines(*records: Record) -> list[str]:
    blocks = list(failures(analyse([example_run(*records)])))
    if not blocks:
        return []
    heading, bullets = blocks
    assert isinstance(heading, Heading) and isinstance(bullets, BulletList)
    return list(bullets.items)


def test_no_failures_no_section() -> None:
    assert lines() == []


def test_failed_and_skipped_records() -> None:
    broken = failed("it <broke>", cell="net/simam", role="variant", repeat=1)
    left_out = skipped("no GPU", cell="net/none", role="control", measure="accuracy", seed=3)
    assert lines(broken, left_out) == [
        "net/simam, latency, process 2: failed: it <broke>",
        "net/none, A/A control, accuracy, seed 3: skipped: no GPU",
    ]


def test_values_that_could_not_be_read() -> None:
    [line] = lines(record(Value("params", "1", (1,)), Value("kernels", "1", (None,), "no profiler")))
    assert "kernels could not be read: no profiler" in line and "params" not in line
