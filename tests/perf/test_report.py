"""A report of very many records: how long it takes, and how much memory."""

import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import count, islice
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.store.record import Record, append_records
from tests.bench.report.example_run import FACTS, records

pytestmark = pytest.mark.perf

MANY = 100_000
SUITE = """\
name: many
title: Many
axes: {backbone: [resnet18], attention: [none, simam]}
baseline: {attention: none}
measures: {complexity: {}}
gate: {}
only: {}
"""


def many() -> Iterator[Record]:
    """The invented run over and over, each time under other conditions, with 20 repeats of each time."""
    for number in count(1):
        for each in records(repeats=20):
            if each.measure != "machine":
                axes = {**each.axes, **({"batch": number} if "batch" in each.axes else {"resolution": number})}
                yield replace(each, group=f"{each.group}/{number}", cell=f"{each.cell}/{number}", axes=axes)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    append_records(folder / "records.jsonl", list(islice(many(), MANY)))
    (folder / "suite.yaml").write_text(SUITE)
    environments = {"env": {"facts": FACTS, "state": {"load": None}}}
    (folder / "environment.json").write_text(json.dumps(environments))
    return folder


@pytest.mark.benchmark(group="a report of 100 000 records")
@pytest.mark.parametrize("form", ["md", "html", "parquet"])
def test_many_records(benchmark: BenchmarkFixture, run: Path, tmp_path: Path, form: str) -> None:
    command = [sys.executable, "-m", "bench", "report", str(run), "--out", str(tmp_path), "--format", form]
    benchmark.pedantic(lambda: subprocess.run(command, check=True), rounds=1)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    benchmark.extra_info["peak_bytes"] = peak
    assert peak < 2e9
