from pathlib import Path

import pandas as pd
import pytest

from bench.results.columns import AXIS_COLUMNS, COLUMNS
from bench.results.estimates import estimate
from bench.store.frame import load_frame
from bench.store.record import Record, Value
from bench.store.shards import append_records
from bench.suite.axes import CELL_AXES
from tests.factories import failed, record


def frame(tmp_path: Path, *records: Record) -> pd.DataFrame:
    append_records(tmp_path / "records.jsonl", records)
    return load_frame(tmp_path)


def test_columns_are_the_documented_ones(tmp_path: Path) -> None:
    axes = {"backbone": "resnet18", "attention": "none", "batch": 1}
    loaded = frame(tmp_path, record(Value("latency", "s", (0.1, 0.2)), axes=axes))
    assert list(loaded.columns) == list(COLUMNS)
    assert tuple(AXIS_COLUMNS) == CELL_AXES
    [row] = loaded.to_dict("records")
    assert row["run"] == str(tmp_path)
    assert row["backbone"] == "resnet18" and row["batch"] == 1 and row["mode"] is None
    assert row["samples"] == (0.1, 0.2) and row["median"] == pytest.approx(0.15)


def test_failures_are_rows(tmp_path: Path) -> None:
    loaded = frame(tmp_path, failed("it broke"))
    assert loaded.loc[0, ["status", "reason", "value"]].tolist() == ["failed", "it broke", None]
    assert estimate(loaded) == []


def test_a_row_for_each_value(tmp_path: Path) -> None:
    loaded = frame(tmp_path, record(Value("macs", "1", (3,)), Value("params", "1", (None,), "no driver")))
    assert loaded["value"].tolist() == ["macs", "params"]
    assert loaded["median"].tolist() == [3.0, None]
    assert loaded["reason"].tolist() == [None, "no driver"]
