"""Time and peak memory of a report of 100 000 records."""

import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

import msgspec
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.store.record import Record
from bench.store.shards import append_records
from tests.bench.report.example_run import records
from tests.factories import FACTS

pytestmark = pytest.mark.perf

RECORDS = 100_000
SUITE = """\
name: many
title: Many
axes: {backbone: [resnet18], attention: [none, simam]}
baseline: {attention: none}
measures: {complexity: {}}
gate: {}
only: {}
"""


def repeated_run() -> Iterator[Record]:
    """The example run, repeated with other axes each time, with 20 processes of each time."""
    for number in count(1):
        for record in records(repeats=20):
            if record.measure != "machine":
                axis = "batch" if "batch" in record.axes else "resolution"
                group, cell = f"{record.group}/{number}", f"{record.cell}/{number}"
                yield msgspec.structs.replace(record, group=group, cell=cell, axes={**record.axes, axis: number})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    append_records(folder / "records.jsonl", list(islice(repeated_run(), RECORDS)))
    (folder / "suite.yaml").write_text(SUITE, encoding="utf-8")
    environments = {"e": {"facts": FACTS, "state": {"load": None}}}
    (folder / "environment.json").write_text(json.dumps(environments), encoding="utf-8")
    return folder


@pytest.mark.benchmark(group="report of 100 000 records")
@pytest.mark.parametrize("name", ["md", "html", "parquet"])
def test_many_records(benchmark: BenchmarkFixture, run: Path, tmp_path: Path, name: str) -> None:
    command = [sys.executable, "-m", "bench", "report", str(run), "--out", str(tmp_path), "--format", name]
    benchmark.pedantic(lambda: subprocess.run(command, check=True), rounds=1)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    benchmark.extra_info["peak_bytes"] = peak
    assert peak < 2e9
