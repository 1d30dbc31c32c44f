"""The most accurate variants under limits on their costs."""

import re
from pathlib import Path

import pytest

from bench.errors import InputError
from bench.report.blocks import Paragraph, Picker
from bench.report.data import analyse
from bench.report.picker import Limit, best_under, parse_limit, picker
from tests.bench.report.example_run import example_run, records
from tests.factories import stored_run


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("latency=20ms", Limit("latency", 0.02)),
        ("latency=1.5e-2s", Limit("latency", 0.015)),
        ("memory=2MiB", Limit("peak_bytes", 2**21)),
        ("flops=4G", Limit("macs", 4e9)),
        ("params=1000", Limit("params", 1000.0)),
    ],
)
def test_limit_is_parsed(text: str, limit: Limit) -> None:
    assert parse_limit(text) == limit


@pytest.mark.parametrize(
    "text", ["latency", "latency=fast", "latency=20MB", "latncy=20ms", "latency=1.2.3ms", "latency=1e400ms", "=1"]
)
def test_wrong_limit_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=re.escape(f"--under {text}")):
        parse_limit(text)


def answer(*limits: str) -> str:
    [block] = best_under(analyse([example_run()]), [parse_limit(limit) for limit in limits])
    assert isinstance(block, Paragraph)
    return block.text


def test_most_accurate_variant_within_a_limit() -> None:
    # SimAM takes 10.5 ms and has 91.1 %, SE 10.4 ms and 90.6 %, plain 10 ms and 90 %.
    assert "SimAM in ResNet-18 (top-1 91.10 %, 10.50 ms)" in answer("latency=11ms")
    assert "SE in ResNet-18 (top-1 90.60 %, 10.40 ms)" in answer("latency=10.45ms")
    assert "plain in ResNet-18 (top-1 90.00 %, 10.00 ms)" in answer("latency=10.2ms")
    assert answer("latency=9ms") == "No variant has latency at most 9.000 ms."
    assert "SE in ResNet-18" in answer("latency=11ms", "latency=10.45ms")


def test_limit_on_what_was_not_measured_is_refused() -> None:
    run = stored_run(Path("r"), [record for record in records() if record.measure == "latency"])
    with pytest.raises(InputError, match="top1"):
        list(best_under(analyse([run]), [Limit("latency", 1.0)]))


def test_picker_orders_by_accuracy() -> None:
    [block] = picker(analyse([example_run()]))
    assert isinstance(block, Picker)
    assert [row[1].text for row in block.table.rows[:3]] == ["SimAM", "SE", "plain"]
    latency = next(limit for limit in block.limits if limit.title == "latency")
    assert latency.symbol == "ms" and latency.numbers[2] == pytest.approx(0.010)
    assert latency.units["us"] == 1e-6 and latency.units[""] == 1e-3
    alone = stored_run(Path("r"), [record for record in records() if record.measure == "accuracy"])
    assert list(picker(analyse([alone]))) == []
