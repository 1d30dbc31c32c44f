"""Append-only files of records, with one JSON line per record."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.results.columns import Key
from bench.store.format1 import Format1Record, upgrade
from bench.store.record import FORMAT, Record


def append_records(path: Path, records: Sequence[Record]) -> None:
    """Append records in one write and flush them to disk.

    Raises:
        OSError: the disk is full, or the file cannot be written; at most one line is left half-written.
    """
    lines = "".join(
        json.dumps(msgspec.to_builtins(record), ensure_ascii=False, allow_nan=False) + "\n" for record in records
    )
    with path.open("ab", buffering=0) as file:
        # Text from a module under test may contain lone surrogates, which UTF-8 cannot encode.
        left = memoryview(lines.encode(errors="replace"))
        while left:
            left = left[file.write(left) :]
        os.fsync(file.fileno())


def repair(path: Path) -> bool:
    """Cut off a last line that a kill left half-written. Returns whether there was one."""
    content = path.read_bytes() if path.exists() else b""
    whole = content.rfind(b"\n") + 1
    if whole == len(content):
        return False
    with path.open("r+b") as file:
        file.truncate(whole)
        os.fsync(file.fileno())
    return True


def read_records(path: Path) -> list[Record]:
    """The records of a file. A later record replaces an earlier one of the same key; a half-written last line is
    ignored.

    Raises:
        ValueError: a line is not a record of a known format; the message names the line.
    """
    records: dict[Key, Record] = {}
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.endswith(b"\n"):
                record = _parse_record(line, f"{path}:{number}")
                records[record.key] = record
    return list(records.values())


class _Version(msgspec.Struct):
    """The fields that state the format of a line; format 1 calls it ``schema``."""

    format: int | None = None
    schema: int | None = None


_VERSION = msgspec.json.Decoder(_Version)
_FORMAT_1 = msgspec.json.Decoder(Format1Record)
_CURRENT: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


def _parse_record(line: bytes, where: str) -> Record:
    try:
        version = _VERSION.decode(line)
        if version.format == FORMAT:
            return _CURRENT.decode(line)
        if version.format is None and version.schema == 1:
            return upgrade(_FORMAT_1.decode(line))
    except msgspec.MsgspecError as error:
        raise ValueError(f"{where}: not a record: {error}") from error
    version_number = version.format if version.format is not None else version.schema
    raise ValueError(f"{where}: a record of format {version_number}; this version reads formats 1 and {FORMAT}")
