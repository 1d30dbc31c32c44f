"""The environments of a run, and their ids."""

import json
from pathlib import Path

import pytest

from bench.errors import RunError
from bench.store.environment import Environment, read_environments
from tests.factories import FACTS

REPORTS = Path(__file__).parents[3] / "reports"


def test_id_depends_on_the_facts_only() -> None:
    environment = Environment(FACTS, {"load": [1.0]})
    assert len(environment.id) == 12 and int(environment.id, 16) >= 0
    assert Environment(dict(reversed(FACTS.items())), {}).id == environment.id
    assert Environment({**FACTS, "threads": 4}, {"load": [1.0]}).id != environment.id


@pytest.mark.parametrize("folder", ["latency", "calibration/01-run", "calibration/01-same"])
def test_ids_of_committed_runs(folder: str) -> None:
    environments = read_environments(REPORTS / folder)
    assert environments and list(environments) == [environment.id for environment in environments.values()]


def test_environments_are_read_in_the_order_of_first_use(tmp_path: Path) -> None:
    assert read_environments(tmp_path) == {}
    entries = {name: {"facts": {"cpu": name}, "state": {"load": None}} for name in ("b", "a")}
    (tmp_path / "environment.json").write_text(json.dumps(entries), encoding="utf-8")
    assert list(read_environments(tmp_path).items()) == [
        ("b", Environment({"cpu": "b"}, {"load": None})),
        ("a", Environment({"cpu": "a"}, {"load": None})),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "Expecting property name"), ("[1]", ""), ('{"e": {"facts": {}}}', "'state'"), ('{"e": 3}', "")],
)
def test_damaged_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "environment.json").write_text(text, encoding="utf-8")
    with pytest.raises(RunError, match=rf"environment\.json is damaged: .*{message}"):
        read_environments(tmp_path)
