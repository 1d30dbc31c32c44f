"""Lines of format 1, written by hand as version 0.1 wrote them."""

import json
from pathlib import Path
from typing import Any

from bench.store.record import FailedRecord, MeasuredRecord, SkippedRecord, Value
from bench.store.shards import read_records

LINE: dict[str, Any] = {
    "suite": "s",
    "measure": "memory",
    "group": "net",
    "cell": "net/none",
    "role": "twin",
    "axes": {"backbone": "net", "batch": 1, "threads": None},
    "options": {"attention": {"e_lambda": 0.1}},
    "repeat": 3,
    "seed": None,
    "status": "ok",
    "reason": None,
    "traceback": None,
    "values": [
        {"name": "saved_bytes", "unit": "B", "samples": [5], "reason": None},
        {"name": "live_peak_bytes", "unit": "B", "samples": [7], "reason": None},
        {"name": "allocator_peak_bytes", "unit": "B", "samples": [None], "reason": "out of memory"},
    ],
    "details": {"live_peak_shares": {"parameters": 7}, "judge": "test", "rounds": 8},
    "environment": "abc",
    "started": "2026-01-01T00:00:00+00:00",
    "elapsed": 1.5,
    "schema": 1,
}


def read(tmp_path: Path, **changes: Any) -> Any:
    path = tmp_path / "records.jsonl"
    path.write_text(json.dumps({**LINE, **changes}) + "\n", encoding="utf-8")
    [record] = read_records(path)
    return record


def test_names_become_current_and_numbers_stay(tmp_path: Path) -> None:
    record = read(tmp_path)
    assert isinstance(record, MeasuredRecord)
    assert record.key == ("memory", "net", "net/none", "control", 3)
    assert record.values == (
        Value("saved_bytes", "B", (5,)),
        Value("peak_bytes", "B", (7,)),
        Value("peak_allocated_bytes", "B", (None,), "out of memory"),
    )
    assert record.details == {"peak_shares": {"parameters": 7}, "eval_on": "test", "rounds": 8}
    assert (record.axes, record.options) == (LINE["axes"], LINE["options"])
    assert (record.environment, record.started, record.elapsed, record.format) == ("abc", LINE["started"], 1.5, 2)


def test_failed_and_skipped_records(tmp_path: Path) -> None:
    failed = read(tmp_path, role="variant", status="failed", reason="it broke", traceback="Trace", values=[])
    assert isinstance(failed, FailedRecord)
    assert (failed.role, failed.status, failed.reason, failed.traceback) == ("variant", "failed", "it broke", "Trace")
    skipped = read(tmp_path, role="baseline", status="skipped", reason="needs a GPU", values=[])
    assert isinstance(skipped, SkippedRecord)
    assert (skipped.role, skipped.status, skipped.reason) == ("baseline", "skipped", "needs a GPU")
