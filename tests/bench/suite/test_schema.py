import json
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from bench.suite.reference import reference
from bench.suite.schema import json_schema
from tests.bench.suite.examples import BROKEN, GOOD

SUITES = Path(__file__).parents[3] / "suites"


def test_committed_schema_is_current() -> None:
    assert json.loads((SUITES / "schema.json").read_text(encoding="utf-8")) == json_schema(), (
        "regenerate it: python -m bench.suite.schema > suites/schema.json"
    )


def test_committed_reference_is_current() -> None:
    page = (SUITES.parent / "docs" / "suites.md").read_text(encoding="utf-8")
    assert page.strip() == reference().strip(), "regenerate it: python -m bench.suite.reference > docs/suites.md"


def accepts(text: str) -> bool:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    return jsonschema.Draft202012Validator(json_schema()).is_valid(YAML(typ="safe").load(text))


@pytest.mark.parametrize("path", sorted(SUITES.glob("*.yaml")), ids=lambda path: path.name)
def test_schema_accepts_built_in_suites(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert accepts(text)
    assert text.startswith("# yaml-language-server: $schema=schema.json\n")


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        GOOD.replace("simam]", '{simam: {e_lambda: [0.1, 1]}}, "my.own:Gate"]'),
        GOOD.replace("[paper]", '[{layers: "a.*"}]').replace(
            "complexity: {}", 'complexity: , "my.own:Measure": {deep: 3}'
        ),
    ],
)
def test_schema_accepts(text: str) -> None:
    assert accepts(text.replace("complexity: , ", "complexity: {}\n  "))


WRONG = [
    "axis:",
    "backbon:",
    "resnet81",
    "simma]",
    "[papr]",
    "[infer]",
    "[0]",
    "budgets:",
    "a/b",
    "complexities:",
    "maybe",
]


@pytest.mark.parametrize("new", WRONG)
def test_schema_rejects(new: str) -> None:
    [(old, _, _)] = [row for row in BROKEN if row[1].endswith(new)]
    assert not accepts(GOOD.replace(old, next(row[1] for row in BROKEN if row[1].endswith(new)), 1))
