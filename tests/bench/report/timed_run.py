"""Runs of latencies whose ratios to the baseline are exact: all rounds of a process have the same ratio."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bench.report.data import ReportData, analyse
from bench.store.record import MeasuredRecord, Value
from tests.bench.report import example_run
from tests.factories import stored_run

PROCESSES = 5
SIMAM = {"simam": 1.061}


def timed_records(
    ratios: Mapping[str, float | Sequence[float]] = SIMAM, control: float | None = 1.0, processes: int = PROCESSES
) -> list[MeasuredRecord]:
    """Latencies of ResNet-18 at 10 ms, and of modules at multiples of it.

    Args:
        ratios: module → its ratio, or one for each process.
        control: the ratio of the A/A control; None for no control.
        processes: how many.
    """
    members: list[tuple[str | None, str, float | Sequence[float]]] = [(None, "none", 1.0)]
    members += [(None, name, ratio) for name, ratio in ratios.items()]
    members += [("control", "none", control)] if control is not None else []
    return [
        _record(role, name, process, ratio if isinstance(ratio, float) else ratio[process])
        for process in range(processes)
        for role, name, ratio in members
    ]


def _record(role: Any, attention: str, process: int, ratio: float) -> MeasuredRecord:
    samples = (0.010 * ratio * (1 + 0.001 * (process % 2)), 0.010 * ratio)
    record = example_run.record(
        "latency",
        attention,
        Value("latency", "s", samples),
        role=role,
        repeat=process,
        details={"rounds": 2, "stopped_by": "budget"},
    )
    assert isinstance(record, MeasuredRecord)
    return record


def with_axes(record: MeasuredRecord, cell: str = "", group: str = "", **axes: object) -> MeasuredRecord:
    """The record with other labels on some axes, and with endings of its cell and group that keep it apart."""
    return msgspec.structs.replace(
        record, axes={**record.axes, **axes}, cell=record.cell + cell, group=record.group + group
    )


def report_data(*runs: Sequence[MeasuredRecord], threshold: float = 0.01) -> ReportData:
    """The data of a report on runs named a, b, c, …"""
    gate = {"latency_ratio": threshold}
    return analyse([stored_run(Path(name), records, gate=gate) for name, records in zip("abcdef", runs, strict=False)])
