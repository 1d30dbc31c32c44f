"""Every mutated suite gives a plan or a one-line error message."""

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import InputError
from bench.suite.load import load_suite
from bench.suite.plan import expand

ROOT = Path(__file__).parents[3]
SUITES = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "suites").glob("*.yaml"))]
WORDS = "[ ] { } : - null none simam 0 -1 1e999 .nan !x &a *a % 1% ' # | > layers a.b:c <<: 2020-01-01 é true"
TAGS = "!!bool !!float !!omap %YAML ? a:"
SCRAPS = st.sampled_from([*WORDS.split(), *TAGS.split(), '"', "\n", "  ", "\t", "\x00"])
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | SCRAPS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | SCRAPS, inner, max_size=3),
    max_leaves=6,
)


def check_plan_or_one_message(path: Path) -> None:
    try:
        expand(load_suite(path))
    except InputError as error:
        assert str(error).startswith(str(path)) and "\n" not in str(error)


@settings(max_examples=300)
@given(st.sampled_from(SUITES), st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 12), SCRAPS), max_size=4))
def test_mutated_text(tmp_path_factory: Any, text: str, edits: list[tuple[int, int, str]]) -> None:
    for start, length, scrap in edits:
        start %= len(text)
        text = text[:start] + scrap + text[start + length :]
    path = tmp_path_factory.getbasetemp() / "mutated.yaml"
    path.write_text(text, encoding="utf-8")
    check_plan_or_one_message(path)


KEYS = ["name", "title", "axes", "contrast", "baseline", "measures", "gate", "only", "timeout", "data"]
AXES = [
    "backbone",
    "attention",
    "placement",
    "mode",
    "batch",
    "dtype",
    "seed",
    "threads",
    "resolution",
    "dataset",
    "root",
]


@settings(max_examples=300)
@given(st.sampled_from(KEYS), st.sampled_from(["", *AXES, "latency", "params"]), values)
def test_any_value_anywhere(tmp_path_factory: Any, key: str, below: str, value: Any) -> None:
    from ruamel.yaml import YAML

    path = tmp_path_factory.getbasetemp() / "valued.yaml"
    data = YAML(typ="safe").load(SUITES[-1])
    if below and isinstance(data.get(key), dict):
        data[key][below] = value
    else:
        data[key] = value
    try:
        with path.open("w", encoding="utf-8") as file:
            YAML(typ="safe", pure=True).dump(data, file)
    except ValueError:
        return  # not every text can be written as YAML
    check_plan_or_one_message(path)
