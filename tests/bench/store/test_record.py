import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench.store.record import Record, Value, append_records, read_records, repair

RECORD = Record(
    suite="s",
    measure="latency",
    group="g",
    cell="g/none",
    role="baseline",
    axes={"backbone": "resnet18", "attention": "none", "batch": 1},
    options={"attention": {"e_lambda": 0.1}},
    repeat=0,
    seed=None,
    status="ok",
    reason=None,
    traceback=None,
    values=(Value("latency", "s", (0.1, 0.2)),),
    details={"rounds": 2},
    environment="abc",
    started="2026-01-01T00:00:00+00:00",
    elapsed=1.5,
)


def test_what_is_appended_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    other = replace(RECORD, repeat=1, status="failed", reason="µ | <b>", values=())
    append_records(path, [RECORD])
    append_records(path, [other, replace(RECORD, repeat=2)])
    assert read_records(path) == [RECORD, other, replace(RECORD, repeat=2)]


def test_what_is_measured_again_replaces_what_it_was_before(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    failed = replace(RECORD, status="failed", reason="no", values=())
    append_records(path, [failed, replace(RECORD, repeat=1)])
    append_records(path, [RECORD])
    assert read_records(path) == [RECORD, replace(RECORD, repeat=1)]


@pytest.mark.parametrize("cut", [1, 10, 200])
def test_a_half_written_last_line_is_left_out_and_cut_off(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "records.jsonl"
    append_records(path, [RECORD, replace(RECORD, repeat=1)])
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    assert read_records(path) == [RECORD]
    assert repair(path) and not repair(path)
    append_records(path, [replace(RECORD, repeat=1)])
    assert path.read_bytes() == whole


def test_there_may_be_nothing_to_repair(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    assert not repair(path)
    path.write_bytes(b'{"suite": "cut bef')
    assert repair(path) and path.read_bytes() == b""


def test_no_nan_reaches_the_file() -> None:
    value = Value("loss", "1", (1.0, float("nan"), float("inf")))
    assert value.samples == (1.0, None, None)
    assert value.reason == "not a finite number"


def test_integers_stay_integers(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    append_records(path, [replace(RECORD, values=(Value("params", "1", (2**60 + 1,)),))])
    assert '"samples": [1152921504606846977]' in path.read_text()


@pytest.mark.parametrize("line", ["{", "[]", '{"a": 1}', json.dumps({"values": [{}]})])
def test_a_line_that_is_no_record_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "records.jsonl"
    append_records(path, [RECORD])
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(ValueError, match=r"records.jsonl:2: not a record"):
        list(read_records(path))


def test_another_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    append_records(path, [replace(RECORD, schema=99)])
    with pytest.raises(ValueError, match="a record of schema 99"):
        list(read_records(path))


def test_halves_of_characters_and_huge_numbers_are_read_again(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    append_records(
        path, [replace(RECORD, reason="a\udc80b", details={"count": 2**60, "nested": {"x": [1, 2.5, None]}})]
    )
    [record] = read_records(path)
    assert record.reason == "a?b" and record.details == {"count": 2**60, "nested": {"x": [1, 2.5, None]}}
    assert all(
        type(each) is type(own) for each, own in zip(record.values[0].samples, RECORD.values[0].samples, strict=True)
    )
