from pathlib import Path

import pytest

from bench.suite.axes import Choice
from bench.suite.load import load_suite
from bench.suite.plan import expand
from bench.suite.source import MAX_BYTES, SuiteError
from bench.suite.suite import DataSettings
from tests.bench.suite.examples import BROKEN, GOOD
from tests.helpers import suite, write


def test_quantities_become_si_units(tmp_path: Path) -> None:
    loaded = suite(tmp_path, GOOD)
    options = {"target": 0.02, "budget": 90.0, "repeats": 5, "patience": 2.0, "l2": "hot"}
    assert dict(loaded.measures[1].options) == options
    assert loaded.gate == {"latency_ratio": 0.03, "params": None}


def test_defaults_are_filled_in(tmp_path: Path) -> None:
    [grid] = suite(
        tmp_path, "name: t\naxes: {backbone: [resnet18]}\nbaseline: {attention: none}\nmeasures: {memory: }"
    ).grids
    assert grid["attention"] == (Choice("none"),)
    assert grid["placement"] == (Choice("paper"),)
    assert grid["batch"] == (1,) and grid["seed"] == (0,)


def test_data_root(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD + "data: {root: /one}\n")
    assert load_suite(path).data == DataSettings("/one", False)
    assert load_suite(path, ["data.root=/two", "data.download=true"]).data == DataSettings("/two", True)
    assert load_suite(write(tmp_path, GOOD)).data == DataSettings(None, False)
    assert "data" not in load_suite(write(tmp_path, GOOD)).to_yaml()


def test_option_sweeps(tmp_path: Path) -> None:
    text = GOOD.replace("[none, simam]", "[{simam: {e_lambda: [0.1, 1]}}]")
    assert suite(tmp_path, text).grids[0]["attention"] == (
        Choice("simam", (("e_lambda", 0.1),)),
        Choice("simam", (("e_lambda", 1),)),
    )


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        GOOD.replace("[none, simam]", "[none, {simam: {e_lambda: [0.1, 1e-6]}}]"),
        GOOD.replace("[paper]", '[{layers: "layer[1-4].*.conv2"}]').replace("mode", "threads: [2]\n  mode"),
        GOOD.replace("simam]", '{"my.own:Gate": {kind: ["? a", "- a", "a: b", "1", "null", "#x", "=", ""]}}]').replace(
            "my.own:Gate", "tests.helpers:Sigmoid"
        ),
        GOOD.replace("axes:\n  backbone: [resnet18]", "axes:\n  backbone: ['tests.helpers:tiny']"),
        GOOD.replace("mode:", "dataset: [cifar10, {image_folder: {folder: mine}}]\n  seed: [0, 2]\n  mode:").replace(
            "complexity: {}", "complexity: {}\n  accuracy: {recipe: paper_cifar, eval_on: held_out}"
        )
        + "data: {root: /data, download: true}\n",
    ],
)
def test_resolved_suite_loads_to_the_same_plan(tmp_path: Path, text: str) -> None:
    first = suite(tmp_path, text)
    again = suite(tmp_path, first.to_yaml())
    assert expand(again).groups == expand(first).groups
    assert again.to_yaml() == first.to_yaml()


@pytest.mark.parametrize(("old", "new", "message"), BROKEN, ids=[f"{new} for {old}".strip() for old, new, _ in BROKEN])
def test_broken_suites(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(SuiteError) as caught:
        load_suite(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{path}:")


OWN = """
from __future__ import annotations
from dataclasses import dataclass
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from collections.abc import Mapping

class Shared:
    axes, gates, timed = frozenset(), (), True
    def measure(self, group, announce, seed): ...

@dataclass(frozen=True)
class Hidden(Shared):
    given: Mapping | None = None

@dataclass(frozen=True)
class Open(Shared):
    repeats: int | None = None
"""


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Hidden", "cannot resolve the types of its options: name 'Mapping' is not defined"),
        ("Open", "repeats must be a positive integer, not None"),
    ],
)
def test_unusable_user_measures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str) -> None:
    (tmp_path / "own_measures.py").write_text(OWN, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SuiteError, match=rf"suite.yaml:12: measures.own_measures:{name}: {message}"):
        load_suite(write(tmp_path, GOOD.replace("complexity:", f'"own_measures:{name}":')))


def test_oversized_suites(tmp_path: Path) -> None:
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 12))
    with pytest.raises(SuiteError, match="more than 100000 values after its aliases are expanded"):
        load_suite(write(tmp_path, f"l0: &l0 [a]\n{levels}"))
    with pytest.raises(SuiteError, match="not valid YAML"):
        load_suite(write(tmp_path, "[" * 50_000))
    many = GOOD.replace("[1]", str(list(range(1, 1001)))).replace("mode:", f"threads: {list(range(1, 1001))}\n  mode:")
    with pytest.raises(SuiteError, match="axes: the grid has 2000000 cells; a suite may have at most 100000"):
        expand(suite(tmp_path, many))
    with pytest.raises(SuiteError, match="a suite may have at most"):
        load_suite(write(tmp_path, "# x\n" * 12_500_000))  # 50 MB


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="cannot read the suite: No such file"):
        load_suite(tmp_path / "none.yaml")
    with pytest.raises(SuiteError, match="cannot read the suite: Is a directory"):
        load_suite(tmp_path)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SuiteError, match="not a text file in UTF-8"):
        load_suite(tmp_path / "binary.yaml")
    with pytest.raises(SuiteError, match="a suite is a mapping"):
        load_suite(write(tmp_path, "- 1\n"))
    with pytest.raises(SuiteError, match="a suite may have at most"):
        load_suite(write(tmp_path, "#" * (MAX_BYTES + 1)))
