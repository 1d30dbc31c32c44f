"""Records and stored runs for tests: every number in them is known beforehand."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.results.columns import Role
from bench.store.environment import Environment
from bench.store.record import FailedRecord, MeasuredRecord, Record, SkippedRecord, Value
from bench.store.shards import append_records
from bench.store.stored_run import StoredRun

FACTS: Mapping[str, Any] = {
    "device": "cpu",
    "cpu": "A | CPU",
    "cores": 2,
    "threads": 2,
    "memory_bytes": 2**34,
    "gpu": None,
    "system": "Linux",
    "python": "3.11",
    "packages": {"torch": "2"},
    "revision": "abc",
    "dirty": False,
}
ENVIRONMENT = Environment(FACTS, {"load": [0.25, 0, 0]})
QUIET = (0.000, 0.001, -0.001, 0.002, -0.002, 0.000)
"""Relative deviation of each process of a quiet machine."""


def fields(
    role: Role = "baseline",
    cell: str = "net/none",
    repeat: int = 0,
    *,
    measure: str = "latency",
    group: str = "net",
    seed: int | None = None,
    axes: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    environment: str = "e",
    elapsed: float = 1.0,
) -> dict[str, Any]:
    """The fields that records of every status share."""
    return {
        "suite": "s",
        "measure": measure,
        "group": group,
        "cell": cell,
        "role": role,
        "axes": axes or {},
        "options": options or {},
        "repeat": repeat,
        "seed": seed,
        "environment": environment,
        "started": "2026-01-01T00:00:00+00:00",
        "elapsed": elapsed,
    }


def record(*values: Value, details: Mapping[str, Any] | None = None, **shared: Any) -> MeasuredRecord:
    """A successful record; ``shared`` are the arguments of :func:`fields`."""
    return MeasuredRecord(**fields(**shared), values=values, details={"iterations": 2} if details is None else details)


def failed(
    reason: str = "the worker was killed by SIGSEGV", traceback: str | None = None, **shared: Any
) -> FailedRecord:
    return FailedRecord(**fields(**shared), reason=reason, traceback=traceback)


def skipped(reason: str = "execution graph needs a CUDA device", **shared: Any) -> SkippedRecord:
    return SkippedRecord(**fields(**shared), reason=reason)


def times(role: Role, cell: str, seconds: float, deviations: Sequence[float] = QUIET) -> list[Record]:
    """Latency of one process for each deviation, three rounds in each."""
    return [
        record(Value("latency", "s", (seconds * (1 + deviation),) * 3), role=role, cell=cell, repeat=repeat)
        for repeat, deviation in enumerate(deviations)
    ]


def counts(cell: str, params: int | None) -> Record:
    return record(Value("params", "1", (params,)), role="variant", cell=cell, measure="complexity")


def group(slower: float = 1.0, control: Sequence[float] = QUIET[::-1], params: int | None = 100) -> list[Record]:
    """Plain network, SimAM at twice its time, the A/A control, and a count of SimAM's parameters."""
    return [
        *times("baseline", "net/none", 0.1, (0.0,) * 6),
        *times("variant", "net/simam", 0.2 * slower),
        *times("control", "net/none", 0.1, control),
        counts("net/simam", params),
    ]


def store(
    folder: Path,
    records: Sequence[Record],
    gate: str = "latency_ratio: 0.01, params: exact",
    title: str = "",
    **facts: Any,
) -> Path:
    """Write the folder of a run; ``gate`` is written as a resolved suite has it, ``facts`` replace those of FACTS."""
    folder.mkdir(parents=True)
    append_records(folder / "records.jsonl", records)
    environments = {"e": {"facts": {**FACTS, **facts}, "state": {"load": [0.25, 0, 0]}}}
    (folder / "environment.json").write_text(json.dumps(environments), encoding="utf-8")
    text = f"name: t\ntitle: {json.dumps(title)}\ngate: {{{gate}}}\nonly: {{}}\n"
    (folder / "suite.yaml").write_text(text, encoding="utf-8")
    return folder


def stored_run(
    path: Path,
    records: Sequence[Record],
    *,
    title: str = "T",
    suite: str = "name: t\n",
    gate: Mapping[str, float | None] | None = None,
    data_root: str | None = None,
    environment: Environment = ENVIRONMENT,
) -> StoredRun:
    """A stored run in memory."""
    return StoredRun(
        path=path,
        title=title,
        suite=suite,
        measures={},
        gate={"latency_ratio": 0.01} if gate is None else gate,
        complete=True,
        data_root=data_root,
        imported=None,
        environments={"e": environment},
        sides={},
        records=tuple(records),
    )
