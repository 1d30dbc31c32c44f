from pathlib import Path

import pytest

from bench.suite.axes import Choice
from bench.suite.load import load_suite
from bench.suite.plan import expand
from bench.suite.source import LARGEST, SuiteError
from bench.suite.suite import Data
from tests.helpers import suite, write

GOOD = """\
name: good
title: A good suite
axes:
  backbone: [resnet18]
  attention: [none, simam]
  placement: [paper]
  mode: [inference]
  batch: [1]
contrast: [attention, placement]
baseline: {attention: none}
measures:
  complexity: {}
  latency: {target: 2%, budget: 1.5min, repeats: 5}
gate: {latency_ratio: 3%, params: exact}
"""


def test_quantities_become_si_units(tmp_path: Path) -> None:
    loaded = suite(tmp_path, GOOD)
    assert dict(loaded.measures[1].options) == {"target": 0.02, "budget": 90.0, "repeats": 5, "l2": "hot"}
    assert loaded.gate == {"latency_ratio": 0.03, "params": None}


def test_defaults_are_filled_in(tmp_path: Path) -> None:
    [grid] = suite(
        tmp_path, "name: t\naxes: {backbone: [resnet18]}\nbaseline: {attention: none}\nmeasures: {memory: }"
    ).grids
    assert grid["attention"] == (Choice("none"),)
    assert grid["placement"] == (Choice("paper"),)
    assert grid["batch"] == (1,) and grid["seed"] == (0,)


def test_where_images_are_is_read_and_can_be_replaced(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD + "data: {root: /one}\n")
    assert load_suite(path).data == Data("/one", False)
    assert load_suite(path, ["data.root=/two", "data.download=true"]).data == Data("/two", True)
    assert load_suite(write(tmp_path, GOOD)).data == Data(None, False)
    assert "data" not in load_suite(write(tmp_path, GOOD)).to_yaml()


def test_options_are_swept(tmp_path: Path) -> None:
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
def test_the_resolved_suite_loads_to_the_same_plan(tmp_path: Path, text: str) -> None:
    first = suite(tmp_path, text)
    again = suite(tmp_path, first.to_yaml())
    assert expand(again).groups == expand(first).groups
    assert again.to_yaml() == first.to_yaml()


# Each: what is replaced in the good suite, by what, and the line and words of the one message.
BROKEN = [
    ("axes:", "axis:", "3: axis: no such key; did you mean 'axes'"),
    ("backbone:", "backbon:", "4: axes.backbon: no such key; did you mean 'backbone'"),
    ("resnet18", "resnet81", "4: axes.backbone[0]: unknown backbone 'resnet81'; did you mean 'resnet18'"),
    ("simam]", "simma]", "5: axes.attention[1]: unknown attention 'simma'; did you mean 'simam'"),
    ("[resnet18]", "[]", "4: axes.backbone: it is empty; give at least one"),
    ("[resnet18]", "[null]", "4: axes.backbone[0]: write a name"),
    ("[resnet18]", "[.nan]", "4: axes.backbone[0]: nan is no usable number"),
    ("[resnet18]", "[['a']]", "4: axes.backbone[0]: write a name"),
    ("[resnet18]", "['no.such:thing']", "4: axes.backbone[0]: cannot load backbone 'no.such:thing'"),
    ("[resnet18]", "[2020-01-01]", "4: axes.backbone[0]: datetime.date(2020, 1, 1) is neither text nor a number"),
    ("simam]", "{simam: {e_lambda: []}}]", "5: axes.attention[1]: option 'e_lambda' has an empty list"),
    ("simam]", "{simam: 3}]", "5: axes.attention[1]: write the options of simam as a mapping"),
    ("simam]", "{simam: {}, none: {}}]", "5: axes.attention[1]: write a name, or one name with its options"),
    ("simam]", "{simam: {e_lambda: {a: 1}}}]", "5: axes.attention[1]: option 'e_lambda' takes a value or a list"),
    ("[paper]", "[papr]", "6: axes.placement[0]: placement is one of paper, spatial, branch_end"),
    ("[paper]", "[{layers: 3}]", "6: axes.placement[0]: layers takes a glob"),
    ("[inference]", "[infer]", "7: axes.mode[0]: 'infer' is not allowed; did you mean 'inference'"),
    ("[1]", "[0]", "8: axes.batch[0]: it must be at least 1, not 0"),
    ("[1]", "['1']", "8: axes.batch[0]: a whole number is wanted, not '1'"),
    ("[1]", "[true]", "8: axes.batch[0]: a whole number is wanted, not True"),
    ("[1]", "1", "8: axes.batch: a list is wanted; write [1]"),
    ("contrast: [attention, placement]", "contrast: []", "9: contrast: it is empty"),
    ("contrast: [attention, placement]", "contrast: [seed]", "9: contrast[0]: 'seed' is not allowed"),
    ("{attention: none}", "{}", "10: baseline: it is empty"),
    ("{attention: none}", "5", "10: baseline: a mapping is wanted, not 5"),
    ("{attention: none}", "{mode: inference}", "10: baseline.mode: the baseline names values on the contrast"),
    (
        "{attention: none}",
        "{attention: {simam: {e_lambda: [1, 2]}}}",
        "10: baseline.attention: the baseline is one variant",
    ),
    ("baseline: {attention: none}\n", "", "1: the key 'baseline' is missing"),
    ("complexity:", "complexities:", "12: measures.complexities: unknown measure 'complexities'"),
    ("complexity: {}", "complexity: 5", "12: measures.complexity: a mapping is wanted, not 5"),
    (
        "complexity: {}",
        "complexity: {deep: 1}",
        "12: measures.complexity.deep: complexity has no such option; the choices are layers",
    ),
    (
        "complexity: {}",
        "memory: {deep: 1}",
        "12: measures.memory.deep: memory has no such option; it takes none",
    ),
    ("budget:", "budgets:", "13: measures.latency.budgets: latency has no such option; did you mean 'budget'"),
    ("1.5min", "fast", "13: measures.latency.budget: a number (a time may have a unit"),
    ("repeats: 5", "repeats: 2", "13: measures.latency: repeats must be 5 or more"),
    ("repeats: 5", "l2: cool", "13: measures.latency.l2: 'cool' is not allowed; did you mean 'cold'"),
    ("repeats: 5", "repeats: true", "13: measures.latency.repeats: a whole number is wanted"),
    ("target: 2%", "target: 200%", "13: measures.latency: target is a fraction such as 1%"),
    (
        "params: exact",
        "prams: exact",
        "14: gate.prams: no measure of this suite gives that value; did you mean 'params'",
    ),
    ("params: exact", "params: maybe", "14: gate.params: write exact, or a threshold such as 1%"),
    ("3%", "3", "14: gate.latency_ratio: write exact, or a threshold"),
    ("name: good", "name: a/b", "1: name: text in one line (for a name: letters, digits"),
    ("name: good", "name: !x good", "1: name: YAML tags such as !x are not used"),
    ("name: good", "name: good\nname: bad", '2: not valid YAML: found duplicate key "name"'),
    ("name: good", "name: good\ntimeout: 0", "2: timeout: it must be more than 0"),
    ("name: good", "name: good\nonly: {attention: []}", "2: only.attention: it is empty"),
    ("name: good", "name: good\nonly: {back: [x]}", "2: only.back: 'back' is not allowed; did you mean 'batch'"),
    ("1.5min", "60%", "13: measures.latency.budget: a number (a time may have a unit"),
    ("2%", "20ms", "13: measures.latency.target: a number (a time may have a unit"),
    ("3%", "500ms", "14: gate.latency_ratio: write exact, or a threshold such as 1%"),
    ("3%", "exact", "14: gate.latency_ratio: a ratio of times is never exact"),
    ("title: A good suite", 'title: "a\\nb"', "2: title: text in one line"),
    ("simam]", '{simam: {e_lambda: "\\e[31m"}}]', "5: axes.attention[1]: option 'e_lambda' has characters"),
    ("complexity:", '"json:dumps":', "12: measures.json:dumps: json:dumps is no measure: it has no fields"),
    ("complexity:", '"simam.registry:Entry":', "is no measure: it has no `axes`"),
    ("complexity:", '"tests.helpers:Exits":', "12: measures.tests.helpers:Exits: cannot load"),
    ("name: good", "name: ..", "1: name: text in one line (for a name: letters, digits"),
    ("name: good", "name: 3", "1: name: text is wanted, not 3"),
    ("name: good", "1: good", "1: the key 1 is not text"),
    ("mode:", "seed: [-1]\n  mode:", "7: axes.seed[0]: it must be at least 0, not -1"),
    ("mode:", "dtype: [fp8]\n  mode:", "7: axes.dtype[0]: 'fp8' is not allowed; the choices are fp32, bf16"),
    ("mode:", "threads: [0]\n  mode:", "7: axes.threads[0]: it must be at least 1"),
    ("axes:", "axes: [", "not valid YAML"),
    ("mode:", "dataset: [cifar]\n  mode:", "7: axes.dataset[0]: unknown dataset 'cifar'; did you mean 'cifar10'"),
    ("gate:", "data: {rot: x}\ngate:", "14: data.rot: no such key; did you mean 'root'"),
    ("gate:", "data: {download: 1}\ngate:", "14: data.download: true or false is wanted, not 1"),
    ("gate:", "data: {root: ''}\ngate:", "14: data.root: "),
    ("complexity: {}", "accuracy: {recipe: quick}", "12: measures.accuracy: no recipe 'quick'"),
    ("complexity: {}", "accuracy: {judge: all}", "12: measures.accuracy.judge: 'all' is not allowed"),
]


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
        ("Hidden", "the types of its options cannot be read: name 'Mapping' is not defined"),
        ("Open", "repeats must be a whole number from 1, not None"),
    ],
)
def test_a_measure_of_ones_own_that_cannot_be_used_is_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    (tmp_path / "own_measures.py").write_text(OWN, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SuiteError, match=rf"suite.yaml:12: measures.own_measures:{name}: {message}"):
        load_suite(write(tmp_path, GOOD.replace("complexity:", f'"own_measures:{name}":')))


def test_what_stands_for_too_much_is_refused(tmp_path: Path) -> None:
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 12))
    with pytest.raises(SuiteError, match="more than 100000 values with its aliases written out"):
        load_suite(write(tmp_path, f"l0: &l0 [a]\n{levels}"))
    with pytest.raises(SuiteError, match="not valid YAML"):
        load_suite(write(tmp_path, "[" * 50_000))
    many = GOOD.replace("[1]", str(list(range(1, 1001)))).replace("mode:", f"threads: {list(range(1, 1001))}\n  mode:")
    with pytest.raises(SuiteError, match="axes: the grid has 2000000 cells; at most 100000"):
        expand(suite(tmp_path, many))
    with pytest.raises(SuiteError, match="is no hand-written suite"):
        load_suite(write(tmp_path, "# x\n" * 12_500_000))  # 50 MB


def test_files_that_are_no_suites(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="cannot read the suite: No such file"):
        load_suite(tmp_path / "none.yaml")
    with pytest.raises(SuiteError, match="cannot read the suite: Is a directory"):
        load_suite(tmp_path)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SuiteError, match="not a text file in UTF-8"):
        load_suite(tmp_path / "binary.yaml")
    with pytest.raises(SuiteError, match="a suite is a mapping"):
        load_suite(write(tmp_path, "- 1\n"))
    with pytest.raises(SuiteError, match="no hand-written suite"):
        load_suite(write(tmp_path, "#" * (LARGEST + 1)))
