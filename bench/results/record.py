"""What was seen: one record for each member of a group and each repeat, as JSON lines that are only ever appended."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec

SCHEMA = 1
"""Of the record; raised when its fields change meaning."""

Role: TypeAlias = Literal["baseline", "variant", "twin"]
Status: TypeAlias = Literal["ok", "skipped", "failed"]
Key: TypeAlias = tuple[str, str, str, str, int]
"""Measure, group, cell, role, repeat."""


@dataclass(frozen=True)
class Value:
    """Something measured, raw.

    Args:
        name: "latency".
        unit: SI, in full precision: "s", "B" for bytes, "1" for counts.
        samples: as measured; None where a sample could not be read. A NaN or infinity becomes None.
        reason: why a sample is None.
    """

    name: str
    unit: str
    samples: tuple[float | int | None, ...]
    reason: str | None = None

    def __post_init__(self) -> None:
        samples = tuple(None if each is None or not math.isfinite(each) else each for each in self.samples)
        if samples != self.samples:
            object.__setattr__(self, "samples", samples)
            object.__setattr__(self, "reason", self.reason or "not a finite number")


@dataclass(frozen=True)
class Record:
    """What one member of a group gave in one repeat.

    Args:
        suite: the suite's name.
        measure: the measure's name.
        group: the group's id.
        cell: the cell's id; a twin has its baseline's.
        role: baseline, variant, or twin.
        axes: axis → label, None where the axis means nothing for the cell or is not read by the measure.
        options: axis → the options of its named thing, for those that have any.
        repeat: which fresh process, from 0.
        seed: of the replicate; None where the measure reads none.
        status: ok, skipped or failed.
        reason: why it was skipped or failed.
        traceback: of a failure in Python.
        values: empty unless ok.
        details: how the values came about: settings, rounds, why sampling stopped.
        environment: the id of the environment it was measured in.
        started: ISO 8601, UTC.
        elapsed: seconds that the whole unit of work took so far, start of the process included.
    """

    suite: str
    measure: str
    group: str
    cell: str
    role: Role
    axes: Mapping[str, str | int | None]
    options: Mapping[str, Mapping[str, Any]]
    repeat: int
    seed: int | None
    status: Status
    reason: str | None
    traceback: str | None
    values: tuple[Value, ...]
    details: Mapping[str, Any]
    environment: str
    started: str
    elapsed: float
    schema: int = field(default=SCHEMA)

    @property
    def key(self) -> Key:
        """What tells it from the other records of its run."""
        return self.measure, self.group, self.cell, self.role, self.repeat


def append_records(path: Path, records: Sequence[Record]) -> None:
    """Add lines in one write and see them onto the disk: what is measured is not measured again for lack of a flush.

    Raises:
        OSError: the disk is full, or the file cannot be written; at most one line is left half-written.
    """
    lines = "".join(json.dumps(asdict(record), ensure_ascii=False, allow_nan=False) + "\n" for record in records)
    with path.open("ab", buffering=0) as file:
        # Text from a module under test may hold halves of characters, which UTF-8 cannot hold.
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
    """The records of a file. What was measured again replaces what it was before; a half-written last line is left out.

    Raises:
        ValueError: a line is no record of this schema; the message says which.
    """
    found: dict[Key, Record] = {}
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.endswith(b"\n"):
                record = _parse(line, f"{path}:{number}")
                found[record.key] = record
    return list(found.values())


_DECODER = msgspec.json.Decoder(Record)


def _parse(line: bytes, where: str) -> Record:
    try:
        record = _DECODER.decode(line)
    except msgspec.MsgspecError as error:
        raise ValueError(f"{where}: not a record: {error}") from error
    if record.schema != SCHEMA:
        raise ValueError(f"{where}: a record of schema {record.schema}; this version reads {SCHEMA}")
    return record
