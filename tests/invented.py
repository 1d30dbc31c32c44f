"""Invented runs, whose figures are known beforehand."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.results.record import Record, Role, Status, Value, append_records

FACTS = {"device": "cpu", "cpu": "Model T", "gpu": None, "threads": 2, "packages": {"torch": "9.9"}}
QUIET = (0.000, 0.001, -0.001, 0.002, -0.002, 0.000)
"""How far each process is off, as a fraction."""


def record(role: Role, cell: str, repeat: int, *values: Value, status: Status = "ok", **other: Any) -> Record:
    return Record(
        suite="s",
        measure=other.get("measure", "latency"),
        group=other.get("group", "net"),
        cell=cell,
        role=role,
        axes={},
        options={},
        repeat=repeat,
        seed=None,
        status=status,
        reason=None if status == "ok" else "the worker was killed by SIGSEGV",
        traceback=None,
        values=values,
        details={"iterations": 2},
        environment="e",
        started="2026-01-01T00:00:00+00:00",
        elapsed=1.0,
    )


def times(role: Role, cell: str, seconds: float, off: Sequence[float] = QUIET) -> list[Record]:
    """Three rounds a process, each process off by a fraction of its own."""
    return [
        record(role, cell, repeat, Value("latency", "s", (seconds * (1 + each),) * 3))
        for repeat, each in enumerate(off)
    ]


def counts(cell: str, params: int | None) -> Record:
    return record("variant", cell, 0, Value("params", "1", (params,)), measure="complexity")


def group(slower: float = 1.0, twin: Sequence[float] = QUIET[::-1], params: int | None = 100) -> list[Record]:
    flat = (0.0,) * 6
    return [
        *times("baseline", "net/none", 0.1, flat),
        *times("variant", "net/simam", 0.2 * slower),
        *times("twin", "net/none", 0.1, twin),
        counts("net/simam", params),
    ]


def store(
    folder: Path, records: Sequence[Record], gate: str = "latency_ratio: 0.01, params: exact", **facts: Any
) -> Path:
    """A run's folder, as far as a comparison reads it; thresholds as a resolved suite has them."""
    folder.mkdir(parents=True)
    append_records(folder / "records.jsonl", records)
    environments = {"e": {"facts": {**FACTS, **facts}, "state": {}}}
    (folder / "environment.json").write_text(json.dumps(environments), encoding="utf-8")
    (folder / "suite.yaml").write_text(f"gate: {{{gate}}}\nonly: {{}}\n", encoding="utf-8")
    return folder
