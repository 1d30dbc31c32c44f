import json
from pathlib import Path

import pytest

from bench.errors import RunError
from bench.store.environment import Environment
from bench.store.sides import ComparedRevision
from bench.store.stored_run import StoredRun
from tests.factories import FACTS, counts, group, store

SUITE = """
name: tiny
title: A tiny suite
axes: {backbone: ["tests.helpers:tiny"], attention: [none, simam], placement: [{layers: "0"}]}
baseline: {attention: none}
measures: {complexity: {}}
gate: {params: exact, macs: 0.05}
only: {}
"""


def test_run_is_read_as_stored(tmp_path: Path) -> None:
    run = StoredRun.load(store(tmp_path / "run", group(), title="A title"))
    assert (run.title, run.gate, run.complete) == ("A title", {"latency_ratio": 0.01, "params": None}, True)
    assert run.name == str(tmp_path / "run")
    assert list(run.records) == group()
    assert run.environments == {"e": Environment(FACTS, {"load": [0.25, 0, 0]})}
    assert run.facts["cpu"] == "A | CPU"
    assert run.sides == {}
    assert set(run.frame["run"]) == {run.name} and len(run.frame) == len(group())


def test_measures_data_root_and_completeness(tmp_path: Path) -> None:
    folder = store(tmp_path / "run", group())
    text = (
        "gate: {}\nonly: {measure: [latency]}\nmeasures: {latency: {repeats: 6}, memory: null}\ndata: {root: images}\n"
    )
    (folder / "suite.yaml").write_text(text, encoding="utf-8")
    run = StoredRun.load(folder)
    assert run.measures == {"latency": {"repeats": 6}, "memory": {}}
    assert (run.data_root, run.complete, run.suite) == ("images", False, text)


def test_old_names_in_a_stored_suite(tmp_path: Path) -> None:
    folder = store(tmp_path / "run", group(), gate="live_peak_bytes: exact")
    with (folder / "suite.yaml").open("a") as file:
        file.write("measures: {accuracy: {judge: held_out}}\n")
    run = StoredRun.load(folder)
    assert run.gate == {"peak_bytes": None} and run.measures == {"accuracy": {"eval_on": "held_out"}}


def test_thresholds_of_times(tmp_path: Path) -> None:
    run = StoredRun.load(store(tmp_path / "run", group(), gate="latency_ratio: 0.03, wall: 0.02"))
    assert [run.threshold(value) for value in ("latency", "wall", "startup")] == [0.03, 0.02, 0.01]


def test_missing_units(tmp_path: Path) -> None:
    folder = store(tmp_path / "run", [counts("net/simam", 1)])
    (folder / "suite.yaml").write_text(SUITE, encoding="utf-8")
    missing = StoredRun.load(folder).missing
    assert missing is not None
    units, total = missing
    assert total == 1 and [unit.group.measure.name for unit in units] == ["complexity"]
    (folder / "suite.yaml").write_text(SUITE.replace("tests.helpers", "no.such.module"), encoding="utf-8")
    assert StoredRun.load(folder).missing is None


def test_sides_of_a_comparison(tmp_path: Path) -> None:
    folder = store(tmp_path / "ab", group())
    sides = {"A": {"revision": "main", "commit": "1", "environment": "e"}, "B": {"revision": "mine", "commit": "2"}}
    (folder / "sides.json").write_text(json.dumps(sides), encoding="utf-8")
    run = StoredRun.load(folder)
    assert run.sides == {"A": ComparedRevision("main", "1", "e"), "B": ComparedRevision("mine", "2")}
    assert run.missing is None


def test_run_without_records(tmp_path: Path) -> None:
    folder = store(tmp_path / "run", group())
    (folder / "records.jsonl").unlink()
    run = StoredRun.load(folder)
    assert run.records == ()
    with pytest.raises(RunError, match=r"holds no records\.jsonl"):
        _ = run.frame


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("suite.yaml", "gate: [", r"suite\.yaml is damaged"),
        ("suite.yaml", "name: t", r"suite\.yaml is damaged"),
        ("environment.json", "{", r"environment\.json is damaged"),
        ("environment.json", '{"e": {"facts": 3, "state": {}}}', r"environment\.json is damaged: facts of e is 3"),
        (
            "sides.json",
            '{"A": {"revision": "main", "commit": "1"}}',
            "it names 1 of two sides",
        ),
        ("records.jsonl", "[]\n", r"records\.jsonl:1: not a record"),
    ],
)
def test_damaged_file_is_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    folder = store(tmp_path / "run", group())
    (folder / name).write_text(text, encoding="utf-8")
    with pytest.raises(RunError, match=message):
        StoredRun.load(folder)


def test_folder_without_a_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"holds no run: it has no suite\.yaml"):
        StoredRun.load(tmp_path / "nowhere")
