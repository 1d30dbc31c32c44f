import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from bench.store.record import Value
from bench.store.shards import append_records, read_records, repair
from tests.factories import failed, record

RECORD = record(Value("latency", "s", (0.1, 0.2)), details={"rounds": 2}, options={"attention": {"e_lambda": 0.1}})


def test_appended_records_are_read_back(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    other = failed("µ | <b>", "Traceback …", repeat=1)
    append_records(path, [RECORD])
    append_records(path, [other, replace(RECORD, repeat=2)])
    assert read_records(path) == [RECORD, other, replace(RECORD, repeat=2)]


def test_later_record_replaces_an_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    append_records(path, [failed("no"), replace(RECORD, repeat=1)])
    append_records(path, [RECORD])
    assert read_records(path) == [RECORD, replace(RECORD, repeat=1)]


@pytest.mark.parametrize("cut", [1, 10, 200])
def test_half_written_last_line_is_ignored_and_cut_off(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "records.jsonl"
    append_records(path, [RECORD, replace(RECORD, repeat=1)])
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    assert read_records(path) == [RECORD]
    assert repair(path) and not repair(path)
    append_records(path, [replace(RECORD, repeat=1)])
    assert path.read_bytes() == whole


def test_repair_of_a_missing_or_first_line(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    assert not repair(path)
    path.write_bytes(b'{"suite": "cut bef')
    assert repair(path) and path.read_bytes() == b""


def test_integers_stay_integers(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    append_records(path, [record(Value("params", "1", (2**60 + 1,)))])
    assert '"samples": [1152921504606846977]' in path.read_text()


@pytest.mark.parametrize("line", ["{", "[]", '{"format": 2}', '{"schema": 1}', json.dumps({"format": 2, "values": 1})])
def test_damaged_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "records.jsonl"
    append_records(path, [RECORD])
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(ValueError, match=r"records.jsonl:2: not a record"):
        read_records(path)


@pytest.mark.parametrize("line", ['{"format": 99}', '{"schema": 99}'])
def test_unknown_format_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "records.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(ValueError, match="a record of format 99; this version reads formats 1 and 2"):
        read_records(path)


def test_lone_surrogates_and_huge_numbers(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    details = {"count": 2**60, "nested": {"x": [1, 2.5, None]}, "text": "a\udc80b"}
    append_records(path, [replace(RECORD, details=details)])
    [stored] = read_records(path)
    assert stored == replace(RECORD, details={**details, "text": "a?b"})
