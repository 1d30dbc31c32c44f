"""Cases of a study: measured once, and appended one by one."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from bench.studies import cases
from bench.studies.cases import measure_missing, read_cases


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cases, "_environment", lambda device: {"facts": {"device": device}, "state": {}})
    return tmp_path / "study"


def returns(number: int) -> Callable[[], Mapping[str, Any]]:
    return lambda: {"number": number}


def interrupted() -> Mapping[str, Any]:
    raise KeyboardInterrupt


def test_interruption_keeps_measured_cases(folder: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        measure_missing(folder, "s", [("a", returns(1)), ("b", interrupted), ("c", returns(3))])
    assert list(read_cases(folder / "s.jsonl")) == ["a"]
    measure_missing(folder, "s", [("a", interrupted), ("b", returns(2)), ("c", returns(3))])
    assert [case["number"] for case in read_cases(folder / "s.jsonl").values()] == [1, 2, 3]


def test_environment_of_the_first_measurement_is_kept(folder: Path) -> None:
    measure_missing(folder, "s", [("a", returns(1))], "cuda")
    measure_missing(folder, "s", [("b", returns(2))], "cpu")
    assert json.loads((folder / "environment.json").read_text())["facts"] == {"device": "cuda"}
